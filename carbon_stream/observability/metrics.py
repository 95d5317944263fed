"""The one list of all metrics, with type, unit, labels and meaning.

Logic never touches a metric: it tells a hook (streaming's `Observer`) or its caller what happened, and that counts
(`counting`, or the metric itself), once a batch or a request rather than once an event.
"""

from __future__ import annotations

import time
from importlib.metadata import version

from carbon_stream.observability import platform_gauges as _platform  # noqa: F401 — as below
from carbon_stream.observability import rule_metrics as _rules  # noqa: F401 — puts what it declares on the list
from carbon_stream.observability import sources as _sources  # noqa: F401 — as above
from carbon_stream.observability.instruments import (
    DECLARED,
    SECONDS,
    Declared,
    counter,
    gauge,
    histogram,
)

__all__ = ["METRICS"]

_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000)
_TOPIC = "topic of the event; `other` where it has none of ours"
_STAGE = "stage of the topology: audit, health, alerts, lineage, datasets, repeats"
_TABLE = "table that a changelog belongs to"
_PARTITION = "number of the partition"

EVENTS = counter(
    "events_total",
    "events",
    "Events taken in over HTTP (path http, or the source that has a route of its own) and read from the topics by the"
    " agents (path kafka), by what became of them. Duplicates have result duplicate.",
    topic=_TOPIC,
    type="event type; `other` where it is unknown",
    path="way in: http, kong, openlineage; kafka",
    result="over HTTP: accepted, spooled, duplicate, rejected, unavailable; kafka: applied, duplicate, dead",
)
REJECTED = counter(
    "rejected_events_total",
    "events",
    "Events that HTTP ingest refused, by reason.",
    reason="as in the contract: empty, not-json, too-large, unknown-type, invalid, …; or unavailable",
)
DEAD_LETTERS = counter(
    "dead_letters_total",
    "records",
    "Records that an agent put into the dead-letter topic.",
    topic="topic that the record was on",
    reason="why it could not be used, as in the contract",
)
FORWARDED = counter(
    "forwarded_events_total",
    "events",
    "Events that a stage sent on to a topic of ours, in the transaction of the batch they came from.",
    stage=_STAGE,
    topic="topic they were sent to",
)
DUPLICATES = counter(
    "duplicate_events_total",
    "events",
    "Events seen before (same source and eventId) and therefore not counted again.",
    topic=_TOPIC,
    path="way in: http, kafka",
)
LATE = counter(
    "late_events_total", "events", "Events counted in an hour that had passed when they arrived.", topic=_TOPIC
)
SKEWED = counter(
    "skewed_events_total",
    "events",
    "Events whose timestamp is more than five minutes ahead of the broker's; they count at the broker's time.",
    topic=_TOPIC,
)
ACKNOWLEDGEMENT = histogram(
    "acknowledgement_latency_seconds",
    "seconds",
    "From receipt of a request with events to the brokers' acknowledgement of all of them.",
    SECONDS,
)
REQUEST = histogram(
    "http_request_duration_seconds",
    "seconds",
    "From the first byte of a request's head to the end of its answer.",
    SECONDS,
    method="HTTP method",
    route="path pattern of the route; `other` where none matched",
    status="class of the answer: 2xx, 3xx, 4xx, 5xx",
)
REQUEST_EVENTS = histogram("request_events", "events", "Events in one request.", _RECORDS)
INFLIGHT = gauge(
    "ingest_inflight_bytes",
    "bytes",
    "Request bodies and records that wait for Kafka, as of the last second.",
    "livesum",
)

ACCESS_REFUSED = counter(
    "access_refused_total",
    "requests",
    "Requests turned away before anything was done for them.",
    reason="missing, malformed, unknown, expired, signature, algorithm, audience, issuer, claims, lifetime, not-yet,"
    " role, rate",
)
ACCESS_INCIDENTS = counter(
    "access_incidents_total",
    "incidents",
    "What does not fit together about callers; a security event tells of each kind once a minute.",
    action="authentication, authorization, source-mismatch, type-mismatch, principal-mismatch, gateway-impersonation",
)
ACCESS_RELOADS = counter(
    "access_reloads_total",
    "readings",
    "Readings of the access file and of the tokens' key set; one that failed leaves what was read before.",
    what="access-file, jwks",
    result="ok, failed",
)
UNRECORDED = counter(
    "unrecorded_events_total",
    "events",
    "Events of our own that could not be published, and are in the log only.",
    topic="topic that they were for",
)

SPOOLED = counter("spooled_events_total", "events", "Events that Kafka did not take and that went into the spool.")
UNSPOOLED = counter("unspooled_events_total", "events", "Events of the spool that are on their topics now.")
POSSIBLE_REPEATS = counter(
    "possible_repeats_total",
    "events",
    "Events that were sent once more, mostly from the spool, after an attempt with an unknown outcome, so that they may"
    " be on their topics twice. Agents count them once.",
)
SPOOL_EVENTS = gauge("spool_events", "events", "Events that wait in the spool for Kafka.", "livesum")
SPOOL_BYTES = gauge("spool_bytes", "bytes", "Bytes that they count for against the spool's bound.", "livesum")
SPOOL_LIMIT = gauge("spool_limit_bytes", "bytes", "That bound: of all processes that have a spool.", "livesum")
SPOOL_AGE = gauge("spool_oldest_age_seconds", "seconds", "Age of the oldest of them; 0 without any.", "livemax")
SPOOL_REFUSES = gauge(
    "spool_refuses_events",
    "",
    "1 while the spool of any process takes nothing more: it is full, or too old, or its disk does not write.",
    "livemax",
)
SPOOL_COMMIT = histogram(
    "spool_commit_duration_seconds", "seconds", "One commit of the spool, synced to the disk.", SECONDS
)
SPOOL_ASIDE = counter(
    "spool_set_aside_total",
    "things",
    "What of a spool cannot be forwarded and was set aside, for an operator to look at.",
    what="corrupt file, unreadable event, refused event",
)

BATCH = histogram("batch_records", "records", "Records in one batch of a partition.", _RECORDS, stage=_STAGE)
TRANSACTION = histogram(
    "transaction_duration_seconds",
    "seconds",
    "One unit of work: from its batch at hand to its commit.",
    SECONDS,
    stage=_STAGE,
)
LAG = gauge(
    "consumer_lag_records",
    "records",
    "Records of a partition that the agents have still to read.",
    "livemostrecent",
    topic="source topic",
    partition=_PARTITION,
)
ROWS = gauge("table_rows", "rows", "Rows that a table holds.", "livemostrecent", table=_TABLE, partition=_PARTITION)
REBALANCES = counter("rebalances_total", "rebalances", "Times that partitions were handed out anew.")
GAVE_UP = counter(
    "partitions_given_up_total",
    "partitions",
    "Partitions that a worker gave up with nothing applied, to be taken up again.",
    stage=_STAGE,
    reason="kind of failure",
)
RESTORED = counter(
    "restored_records_total", "records", "Changelog records that were read back into tables.", table=_TABLE
)
RESTORE_LEFT = gauge(
    "restore_left_records",
    "records",
    "Changelog records that the restore under way has still to read, at most.",
    "livemostrecent",
    table=_TABLE,
)
REBUILDS = counter(
    "table_rebuilds_total",
    "partitions",
    "Table partitions with nothing on this worker's disk that could be used: read from the whole changelog.",
    table=_TABLE,
)
LOST = counter(
    "offsets_lost_total",
    "offsets",
    "Offsets that a topic or a changelog no longer had when a worker needed them: counts lack them.",
    stage=_STAGE,
    topic="source topic or changelog",
)

VIEW_LATENCY = histogram(
    "view_latency_seconds",
    "seconds",
    "From the broker's append time of an event to the moment when queries show it.",
    SECONDS,
    table=_TABLE,
)
VIEW_LAG = gauge(
    "view_lag_records",
    "records",
    "Changelog records that the views of this process have still to read.",
    "livemax",
    table=_TABLE,
)
SOURCE_LAG = gauge(
    "view_source_lag_records",
    "records",
    "Offsets of a topic that its broker has and the answers to queries do not show yet, whoever is behind.",
    "livemax",
    topic="source topic",
)
SKIPPED = counter(
    "skipped_rows_total",
    "rows",
    "Changelog rows that the views could not understand and passed over: answers may lack what they say.",
    table=_TABLE,
)
VIEWS_READY = gauge("views_ready", "", "1 once the views of every process have been loaded, else 0.", "livemin")

LIVE_READERS = gauge("live_readers", "readers", "Streams of the live tail that are open.", "livesum")
LIVE_DROPPED = counter(
    "live_dropped_events_total",
    "events",
    "Events that readers of the live tail were too slow for; each stream says how many it lacks.",
)

SERVICE_HEALTH = gauge(
    "service_health_status",
    "",
    "State of each service of the platform: 1 for the state it is in, 0 for the others.",
    "livemostrecent",
    namespace="namespace of the service",
    service="name of the service",
    status="HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN",
)
SERVICE_HEALTH_OMITTED = gauge(
    "omitted_services", "services", "Services beyond the bound on series, not shown one by one.", "livemax"
)

TOPIC_PARTITIONS = gauge(
    "topic_partitions",
    "partitions",
    "Partitions that the brokers have of each topic of ours, 0 of one that is missing; asked for about each minute.",
    "livemostrecent",
    topic="source topic, dead-letter topic or changelog",
)
TOPIC_UNDER_REPLICATED = gauge(
    "topic_under_replicated_partitions",
    "partitions",
    "Partitions with fewer replicas in sync than replicas.",
    "livemostrecent",
    topic="source topic, dead-letter topic or changelog",
)
TOPIC_DRIFTS = gauge(
    "topic_drifts",
    "drifts",
    "Lines of the plan about a topic: what differs from what it should be. `bootstrap plan topics` shows them.",
    "livemostrecent",
    topic="source topic, dead-letter topic or changelog",
)

PLATFORM_CHECK = gauge(
    "platform_check",
    "",
    "Outcome of each check of `carbon-stream verify --every`: 1 passed, 0 failed, -1 could not be made.",
    "livemostrecent",
    area="topics, gateway, mesh, flow, security",
    check="name of the check",
)

KAFKA_READY = gauge("kafka_ready", "", "1 while the brokers answer every process, else 0.", "livemin")
RESTARTS = counter(
    "process_restarts_total", "restarts", "Child processes started again after they had ended.", process="its role"
)
START_TIME = gauge("process_start_time_seconds", "seconds", "When the youngest process started, Unix time.", "livemax")
BUILD = gauge("build_info", "", "Always 1; the version is a label.", "livemax", version="version of carbon_stream")

# A process counts from here on, so this is when it started, whichever way that was.
START_TIME.set(time.time())
BUILD.labels(version("carbon-stream")).set(1)

METRICS: tuple[Declared, ...] = tuple(sorted(DECLARED, key=lambda metric: metric.name))
"""All metrics there are, by name: the order of declarations depends on who imported what first."""
