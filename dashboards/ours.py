"""Dashboards about the service itself and what it counts."""

from __future__ import annotations

from dashboards import platform
from dashboards.board import Board, Panel, quantile

_EVENTS = "carbon_stream_events_total"
_HEALTH = "carbon_stream_service_health_status"
_BURN = "carbon_stream:ingest_errors:ratio_rate1h"


def _rate(of: str, by: str) -> str:
    return f"sum by ({by}) (rate({of}[5m]))"


def _events_of(group: str, subject: str) -> list[Panel]:
    """What came, failed and waits on the topics whose names match."""
    chosen = f'topic=~"{group}",topic=~"$topic"'
    return [
        Panel(
            f"{subject} by topic",
            "Events that the agents counted.",
            "cps",
            {"{{topic}}": _rate(f'{_EVENTS}{{path="kafka",result="applied",{chosen}}}', "topic")},
        ),
        Panel(
            "Repeats and dead letters",
            "Events seen before, and records that could not be used.",
            "cps",
            {
                "{{topic}} {{result}}": _rate(
                    f'{_EVENTS}{{path="kafka",result=~"duplicate|dead",{chosen}}}', "topic, result"
                )
            },
        ),
        Panel(
            "Late events, and events ahead",
            "Counted in an hour that had passed when they came; or at the broker's time, since their own lay in the future.",
            "cps",
            {
                "late {{topic}}": _rate(f"carbon_stream_late_events_total{{{chosen}}}", "topic"),
                "ahead {{topic}}": _rate(f"carbon_stream_skewed_events_total{{{chosen}}}", "topic"),
            },
        ),
        Panel(
            "Freshness",
            "Offsets that the answers to queries do not show yet.",
            "short",
            {"{{topic}}": f"max by (topic) (carbon_stream_view_source_lag_records{{{chosen}}})"},
            (1_000, 10_000),
        ),
    ]


OVERVIEW = Board(
    "overview",
    "Overview",
    "Is it well? Events in, latency, lag, what was refused.",
    ["topic"],
    [
        Panel(
            "Brokers answer",
            "0: a process has no connection to Kafka.",
            "bool_yes_no",
            {"": "min(carbon_stream_kafka_ready)"},
            (1, 0.5),
            kind="stat",
        ),
        Panel(
            "Views are loaded",
            "0: a process does not answer queries yet.",
            "bool_yes_no",
            {"": "min(carbon_stream_views_ready)"},
            (1, 0.5),
            kind="stat",
        ),
        Panel(
            "Requests failed, last hour",
            "Share of POST /v1/events answered 5xx; the level is 0.1 %.",
            "percentunit",
            {"": _BURN},
            (0.001, 0.0144),
            kind="stat",
        ),
        Panel(
            "Lag",
            "Offsets that no agent has folded yet.",
            "short",
            {"": "sum(topic:carbon_stream_source_lag_records:min)"},
            (1_000, 10_000),
            kind="stat",
        ),
        Panel(
            "Dead letters, last hour",
            "Records that could not be used.",
            "short",
            {"": "sum(increase(carbon_stream_dead_letters_total[1h])) or vector(0)"},
            (1, 100),
            kind="stat",
        ),
        Panel(
            "Waiting in spools",
            "Events that Kafka has not taken yet.",
            "short",
            {"": "sum(carbon_stream_spool_events)"},
            (1, 10_000),
            kind="stat",
        ),
        Panel(
            "Events by way and result",
            "Over HTTP and read from the twelve topics, by what became of them.",
            "cps",
            {
                "{{path}} {{result}}": 'sum by (path, result) (topic_path_result:carbon_stream_events:rate5m{topic=~"$topic",topic!~"carbon-stream.*"})'
            },
        ),
        Panel(
            "Events by type",
            "Applied by the agents.",
            "cps",
            {"{{type}}": _rate(f'{_EVENTS}{{path="kafka",result="applied",topic=~"$topic",type!="other"}}', "type")},
        ),
        Panel(
            "Latency, 99th percentile",
            "Acknowledgement by the brokers; from append to being seen by queries.",
            "s",
            {
                "acknowledged": "carbon_stream:acknowledgement_latency_seconds:p99_5m",
                "seen": quantile("view_latency_seconds"),
            },
            (0.5, 2),
        ),
        Panel(
            "Refused over HTTP",
            "By reason, as in the contract.",
            "cps",
            {"{{reason}}": _rate("carbon_stream_rejected_events_total", "reason")},
        ),
        Panel(
            "Dead letters and repeats",
            "By topic.",
            "cps",
            {
                "dead {{topic}}": _rate('carbon_stream_dead_letters_total{topic=~"$topic"}', "topic"),
                "repeat {{topic}}": _rate('carbon_stream_duplicate_events_total{topic=~"$topic"}', "topic"),
            },
        ),
        Panel(
            "Requests by status",
            "Answers to POST /v1/events.",
            "reqps",
            {"{{status}}": _rate('carbon_stream_http_request_duration_seconds_count{route="/v1/events"}', "status")},
        ),
        *platform.OVERVIEW_PANELS,
    ],
)

AUDIT = Board(
    "audit",
    "Audit",
    "How the audit trail flows; who did what is asked of /v1/audit.",
    ["topic"],
    [*platform.AUDIT_PANELS, *_events_of("audit-.*", "Audit events")],
)

DATA = Board(
    "data",
    "Data",
    "Ingestion, quality, lineage and transformations: how their events flow.",
    ["topic"],
    [
        *platform.DATA_PANELS,
        *_events_of("data-.*", "Data events"),
        Panel(
            "Rows of the tables",
            "Rows that the tables hold: the lineage graph, datasets.",
            "short",
            {"{{table}}": 'sum by (table) (carbon_stream_table_rows{table=~"lineage|datasets"})'},
        ),
    ],
)

HEALTH = Board(
    "health",
    "Service health",
    "States of the platform's services, as they report them.",
    ["namespace", "service"],
    [
        Panel(
            "Unhealthy",
            "Services in state UNHEALTHY.",
            "short",
            {"": f'sum({_HEALTH}{{status="UNHEALTHY"}}) or vector(0)'},
            (1, 2),
            kind="stat",
        ),
        Panel(
            "Silent",
            "Services in state UNKNOWN.",
            "short",
            {"": f'sum({_HEALTH}{{status="UNKNOWN"}}) or vector(0)'},
            (1, 2),
            kind="stat",
        ),
        Panel(
            "Not shown",
            "Services beyond the bound on series.",
            "short",
            {"": "max(carbon_stream_omitted_services)"},
            (1, 100),
            kind="stat",
        ),
        *platform.HEALTH_PANELS,
        Panel(
            "States",
            "How many services are in which state.",
            "short",
            {
                "{{status}}": f'sum by (status) (max by (namespace, service, status) ({_HEALTH}{{namespace=~"$namespace",service=~"$service"}}))'
            },
        ),
        Panel(
            "Deployments, changes, security",
            "Events of the system topics.",
            "cps",
            {
                "{{topic}}": _rate(
                    f'{_EVENTS}{{path="kafka",result="applied",topic=~"deployment-events|config-changes|security-events"}}',
                    "topic",
                )
            },
        ),
    ],
)

OPERATIONS = Board(
    "operations",
    "Operations",
    "Workers, views, topics and processes.",
    ["topic"],
    [
        Panel(
            "Lag by topic",
            "Offsets that no agent has folded yet, and those of the partition that has the most.",
            "short",
            {
                "{{topic}}": 'topic:carbon_stream_source_lag_records:min{topic=~"$topic"}',
                "worst of {{topic}}": 'max by (topic) (carbon_stream_consumer_lag_records{topic=~"$topic"})',
            },
            (1_000, 10_000),
        ),
        Panel(
            "Views behind",
            "Changelog rows that the views have still to read.",
            "short",
            {"{{instance}} {{table}}": "max by (instance, table) (carbon_stream_view_lag_records)"},
            (1_000, 10_000),
        ),
        Panel(
            "Unit of work, 99th percentile",
            "From a batch at hand to its commit.",
            "s",
            {"{{stage}}": quantile("transaction_duration_seconds", "stage")},
            (0.5, 2),
        ),
        Panel(
            "Rebalances",
            "Times that partitions were handed out anew.",
            "short",
            {"": "sum(increase(carbon_stream_rebalances_total[5m]))"},
        ),
        Panel(
            "Given up",
            "Partitions that workers gave up, to take them up again.",
            "short",
            {
                "{{stage}} {{reason}}": "sum by (stage, reason) (increase(carbon_stream_partitions_given_up_total[5m])) or vector(0)"
            },
            (1, 3),
        ),
        Panel(
            "Topics",
            "Missing topics, under-replicated partitions, and what differs from the plan.",
            "short",
            {
                "missing": 'count(max by (topic) (carbon_stream_topic_partitions{topic=~"$topic"}) == 0) or vector(0)',
                "lacking {{topic}}": 'max by (topic) (carbon_stream_topic_under_replicated_partitions{topic=~"$topic"}) > 0 or vector(0)',
                "drift {{topic}}": 'max by (topic) (carbon_stream_topic_drifts{topic=~"$topic"}) > 0 or vector(0)',
            },
            (1, 4),
        ),
        Panel(
            "Waiting for Kafka",
            "Bytes of requests and records in work.",
            "bytes",
            {"": "sum(carbon_stream_ingest_inflight_bytes)"},
        ),
        Panel(
            "Restarts",
            "Child processes started again.",
            "short",
            {
                "{{instance}} {{process}}": "sum by (instance, process) (increase(carbon_stream_process_restarts_total[15m])) or vector(0)"
            },
            (1, 3),
        ),
        *platform.OPERATIONS_PANELS,
        Panel(
            "Rows", "Rows that the tables hold.", "short", {"{{table}}": "sum by (table) (carbon_stream_table_rows)"}
        ),
    ],
)
