"""Panels about the platform itself: what its services, people and data did, as the views know it."""

from __future__ import annotations

from dashboards.board import Panel, quantile

_HEALTH = 'carbon_stream_service_health_status{namespace=~"$namespace",service=~"$service"'
_NAMED = "Empty unless CARBON_STREAM_METRICS_NAMES has {}: anybody may read /metrics. The console and /v1/audit/summary have all."
_CHOSEN = 'namespace=~"$namespace",service=~"$service"'


def _audited(by: str, results: str = ".*") -> str:
    """The most of the queries' processes: each knows all of it."""
    return f'topk(15, sum by (key) (max by (key, result) (carbon_stream_audited_last_hour_events{{by="{by}",result=~"{results}"}})))'


AUDIT_PANELS = [
    Panel(
        "Actions, last hour",
        "Audited events by action, the fifteen most frequent.",
        "short",
        {"{{key}}": _audited("action")},
        kind="bars",
    ),
    Panel(
        "Denied and failed, last hour",
        "By the service that was asked.",
        "short",
        {"{{key}}": _audited("service", "DENIED|FAILURE")},
        (1, 100),
        kind="bars",
    ),
    Panel(
        "Users, last hour",
        f"The fifteen with the most audited events. {_NAMED.format('users')}",
        "short",
        {"{{key}}": _audited("user")},
        kind="bars",
    ),
    Panel(
        "Resources, last hour",
        f"The fifteen with the most audited events. {_NAMED.format('resources')}",
        "short",
        {"{{key}}": _audited("resource")},
        kind="bars",
    ),
    Panel(
        "Users denied and failed, last hour",
        f"The fifteen, among the twenty with the most events, who were refused most. {_NAMED.format('users')}",
        "short",
        {"{{key}}": _audited("user", "DENIED|FAILURE")},
        (1, 100),
        kind="bars",
    ),
    Panel(
        "API calls by status, last hour",
        "By class of status, all services.",
        "short",
        {"{{status}}": "sum by (status) (max by (service, status) (carbon_stream_audited_calls_last_hour_events))"},
    ),
    Panel(
        "API calls by service, last hour",
        "The fifteen services with the most calls.",
        "short",
        {
            "{{service}}": "topk(15, sum by (service) (max by (service, status) (carbon_stream_audited_calls_last_hour_events)))"
        },
        kind="bars",
    ),
    Panel(
        "Data access and administration",
        "Events a second that the agents counted.",
        "cps",
        {
            "{{topic}}": 'sum by (topic) (rate(carbon_stream_events_total{path="kafka",result="applied",topic=~"audit-data-access|audit-admin-ops",topic=~"$topic"}[5m]))'
        },
    ),
]

HEALTH_PANELS = [
    Panel(
        "State of each service",
        "As the services report it; UNKNOWN is one that has been silent for three of its usual intervals.",
        "short",
        {
            "{{namespace}}/{{service}}": f'max by (namespace, service) (0 * {_HEALTH},status="HEALTHY"}} or {_HEALTH},status="DEGRADED"}} or 2 * {_HEALTH},status="UNKNOWN"}} or 3 * {_HEALTH},status="UNHEALTHY"}})'
        },
        (1, 3),
        kind="states",
    ),
    Panel(
        "Availability, 24 hours",
        "Weighted by time, from the services' own reports.",
        "percentunit",
        {
            "{{namespace}}/{{service}}": f'min by (namespace, service) (carbon_stream_service_availability_ratio{{window="24h",{_CHOSEN}}})'
        },
        (0.999, 0.99),
        kind="bars",
    ),
    Panel(
        "Latency, 95th percentile",
        "As the services report it.",
        "s",
        {
            "{{namespace}}/{{service}}": f'max by (namespace, service) (carbon_stream_service_latency_seconds{{percentile="p95",{_CHOSEN}}})'
        },
        (0.5, 2),
    ),
    Panel(
        "Error rate, 5 minutes",
        "Mean of what the services report.",
        "percentunit",
        {
            "{{namespace}}/{{service}}": f'max by (namespace, service) (carbon_stream_service_error_ratio{{window="5m",{_CHOSEN}}})'
        },
        (0.01, 0.05),
    ),
    Panel(
        "Burn rate of availability",
        "How many times faster than 99.9 % allows a service uses up its budget, over one hour.",
        "short",
        {
            "{{namespace}}/{{service}}": f'max by (namespace, service) ((1 - carbon_stream_service_availability_ratio{{window="1h",{_CHOSEN}}}) / 0.001)'
        },
        (1, 14.4),
    ),
]

DATA_PANELS = [
    Panel(
        "Records loaded, 24 hours",
        "Into each dataset, by its ingestion events; the fifteen largest.",
        "short",
        {"{{dataset}}": "topk(15, max by (dataset) (carbon_stream_dataset_loaded_24h_records))"},
        kind="bars",
    ),
    Panel(
        "Age of the last load",
        "Since each dataset was last loaded, whatever came of it; the fifteen oldest.",
        "s",
        {"{{dataset}}": "topk(15, time() - max by (dataset) (carbon_stream_dataset_loaded_timestamp_seconds))"},
        (86_400, 172_800),
        kind="bars",
    ),
    Panel(
        "Quality scores",
        "Last result of each check, the fifteen worst.",
        "percentunit",
        {"{{dataset}} {{check}}": "bottomk(15, min by (dataset, check) (carbon_stream_quality_check_score_ratio))"},
        (0.99, 0.9),
        kind="bars",
    ),
    Panel(
        "Failing transformations",
        "Jobs whose last run failed: 1.",
        "short",
        {"{{job}}": "max by (job) (carbon_stream_transformation_failed)"},
        (0.5, 1),
    ),
    Panel(
        "Lineage",
        "Size of the graph.",
        "short",
        {
            "datasets": "max(carbon_stream_lineage_datasets)",
            "edges": "max(carbon_stream_lineage_edges)",
        },
    ),
]

OVERVIEW_PANELS = [
    Panel(
        "Burn rate of the way in",
        "How many times faster than the month's budget allows POST /v1/events fails.",
        "short",
        {
            "1 h": "carbon_stream:ingest_errors:ratio_rate1h / 0.001",
            "6 h": "carbon_stream:ingest_errors:ratio_rate6h / 0.001",
        },
        (1, 14.4),
    ),
    Panel(
        "Spool",
        "Events that Kafka has not taken yet, on the disks of the processes that took them.",
        "short",
        {"{{instance}}": "max by (instance) (carbon_stream_spool_events)"},
        (1, 10_000),
    ),
    Panel(
        "Events by source",
        "Counted by the agents, whichever way they came; the fifteen busiest senders.",
        "cps",
        {"{{source}}": "topk(15, sum by (source) (rate(carbon_stream_source_events_total[5m])))"},
        kind="bars",
    ),
    Panel(
        "Silence by source",
        "Since the newest event of each sender that the agents know; the fifteen that have been silent for longest.",
        "s",
        {"{{source}}": "topk(15, time() - source:carbon_stream_source_last_event_timestamp_seconds:max)"},
        (3_600, 86_400),
        kind="bars",
    ),
]

OPERATIONS_PANELS = [
    Panel(
        "Spool by disk",
        "Bytes, and the bound.",
        "bytes",
        {
            "{{instance}}": "max by (instance) (carbon_stream_spool_bytes)",
            "bound {{instance}}": "max by (instance) (carbon_stream_spool_limit_bytes)",
        },
    ),
    Panel(
        "Spool: in and out",
        "Events that went in because Kafka did not take them, that came out to their topics, and that may be there twice.",
        "cps",
        {
            "in": "sum(rate(carbon_stream_spooled_events_total[5m]))",
            "out": "sum(rate(carbon_stream_unspooled_events_total[5m]))",
            "perhaps twice": "sum(rate(carbon_stream_possible_repeats_total[5m]))",
        },
    ),
    Panel(
        "Spool: time waited",
        "Of the oldest event in each; and the 99th percentile of a commit to the disk, 0 without any.",
        "s",
        {
            "oldest {{instance}}": "max by (instance) (carbon_stream_spool_oldest_age_seconds)",
            "commit": f"{quantile('spool_commit_duration_seconds')} >= 0 or vector(0)",
        },
        (300, 900),
    ),
    Panel(
        "Spool: takes nothing",
        "1 while a process's spool is full, too old, or cannot be written: what Kafka does not take is answered 503.",
        "short",
        {"{{instance}}": "max by (instance) (carbon_stream_spool_refuses_events)"},
        (0.5, 1),
    ),
    Panel(
        "Recovery",
        "Changelog records that restores under way have still to read.",
        "short",
        {"{{table}}": "max by (table) (carbon_stream_restore_left_records) or vector(0)"},
        (1, 1_000_000),
    ),
    Panel(
        "Restores",
        "Changelog records a second that are read back into tables, and partitions that had nothing on disk to go on from.",
        "short",
        {
            "read {{table}}": "sum by (table) (rate(carbon_stream_restored_records_total[5m])) or vector(0)",
            "anew {{table}}": "sum by (table) (increase(carbon_stream_table_rebuilds_total[5m])) or vector(0)",
        },
    ),
    Panel(
        "Should stay at 0",
        "Offsets that were gone before they were read, rows that views passed over, events of our own that are in the log"
        " only, and what of a spool was set aside: in the last hour.",
        "short",
        {
            "lost {{stage}} {{topic}}": "sum by (stage, topic) (increase(carbon_stream_offsets_lost_total[1h])) or vector(0)",
            "passed over {{table}}": "sum by (table) (increase(carbon_stream_skipped_rows_total[1h])) or vector(0)",
            "unrecorded {{topic}}": "sum by (topic) (increase(carbon_stream_unrecorded_events_total[1h])) or vector(0)",
            "set aside {{what}}": "sum by (what) (increase(carbon_stream_spool_set_aside_total[1h])) or vector(0)",
        },
        (1, 1.5),
    ),
    Panel(
        "Events together",
        "In one request, and in one batch of each stage: mean.",
        "short",
        {
            "request": "sum(rate(carbon_stream_request_events_sum[5m])) / sum(rate(carbon_stream_request_events_count[5m]))",
            "batch {{stage}}": "sum by (stage) (rate(carbon_stream_batch_records_sum[5m])) / sum by (stage) (rate(carbon_stream_batch_records_count[5m]))",
        },
    ),
    Panel(
        "Checks of the platform",
        "The worst of each area of `carbon-stream verify --every`: 1 passed, 0 failed, -1 could not be made or never was.",
        "short",
        {"{{area}}": "min by (area) (carbon_stream_platform_check) or vector(-1)"},
        (1, 0.5),
    ),
    Panel(
        "Processes",
        "How long the youngest process of each address has run.",
        "s",
        {"{{instance}}": "time() - max by (instance) (carbon_stream_process_start_time_seconds)"},
    ),
    Panel(
        "Versions",
        "Addresses by the version that runs there: two of them while a release is rolled out.",
        "short",
        {"{{version}}": "count by (version) (max by (instance, version) (carbon_stream_build_info))"},
    ),
    Panel(
        "Calls refused",
        "By access control, by reason; and incidents, of which the security events tell.",
        "cps",
        {
            "{{reason}}": "sum by (reason) (rate(carbon_stream_access_refused_total[5m])) or vector(0)",
            "incident {{action}}": "sum by (action) (rate(carbon_stream_access_incidents_total[5m])) or vector(0)",
        },
        (1, 10),
    ),
    Panel(
        "Keys read",
        "Readings of the access file and of the tokens' key set in the last hour; after one that failed, the old ones stay.",
        "short",
        {
            "{{what}} {{result}}": "sum by (what, result) (increase(carbon_stream_access_reloads_total[1h])) or vector(0)"
        },
    ),
    Panel(
        "Live tail",
        "Streams that are open, and events that slow readers lacked.",
        "short",
        {
            "streams": "sum(carbon_stream_live_readers)",
            "lacked": "sum(increase(carbon_stream_live_dropped_events_total[5m]))",
        },
    ),
    Panel(
        "Certificates",
        "Time until the first certificate that a process was started with runs out; -1 where brokers are reached without.",
        "s",
        {"{{file}}": "(min by (file) (carbon_stream_certificate_expiry_timestamp_seconds) - time()) or vector(-1)"},
        (1_209_600, 172_800),
    ),
]
