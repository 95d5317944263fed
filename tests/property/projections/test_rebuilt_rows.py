"""Whatever topics have lost and whatever is wrong with rows: made again, they are what every event once made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import audit, audit_aging, datasets, health, lineage
from carbon_stream.projections.rebuilding import REBUILDINGS, Family, Rebuilding, since_of
from carbon_stream.projections.rows import Entry
from carbon_stream.rebuild.differences import differences
from carbon_stream.rebuild.refold import by_topic, latest
from carbon_stream.streaming.formats import FIRST
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Work, decode_key
from carbon_stream.streaming.shard import parted
from carbon_stream.streaming.sweeping import Sweeper

NOW = 1_764_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

SAMPLES: dict[str, dict[str, Any]] = {
    "audit-user-actions": {
        "eventType": "AuditUserActionEvent", "userId": "ann", "username": "Ann", "action": "VIEW", "resource": "r",
        "resourceType": "report", "result": "SUCCESS", "ipAddress": "10.0.0.1",
    },
    "audit-data-access": {
        "eventType": "AuditDataAccessEvent", "userId": "ann", "datasetName": "prices", "operation": "READ",
        "result": "SUCCESS", "ipAddress": "10.0.0.1",
    },
    "system-health": {
        "eventType": "ServiceHealthEvent", "serviceName": "trino", "namespace": "data", "healthStatus": "HEALTHY",
        "latencyMs": 5, "errorRate": 0.25,
    },
    "deployment-events": {
        "eventType": "DeploymentEvent", "deploymentName": "web", "namespace": "shop", "action": "DEPLOY",
        "version": "2", "replicas": 1, "deployedBy": "ann",
    },
    "data-lineage": {
        "eventType": "DataLineageEvent", "sourceDataset": "a", "targetDataset": "b", "transformationType": "COPY",
        "transformationName": "nightly", "query": "select 1", "columns": [],
    },
    "data-ingestion": {
        "eventType": "DataIngestionEvent", "datasetName": "prices", "recordCount": 3, "sizeBytes": 30,
        "format": "parquet", "location": "s3://x", "status": "SUCCESS",
    },
    "data-quality": {
        "eventType": "DataQualityEvent", "datasetName": "prices", "checkType": "rule", "checkName": "nulls",
        "result": "PASS", "score": 1.0, "failedRecords": 0, "totalRecords": 9,
    },
}  # fmt: skip
VARIED = {
    "audit-user-actions": "userId", "audit-data-access": "userId", "system-health": "serviceName",
    "deployment-events": "deploymentName", "data-lineage": "targetDataset", "data-ingestion": "datasetName",
    "data-quality": "checkName",
}  # fmt: skip
FOLDS: dict[str, tuple[Any, Any]] = {
    "audit": (audit.fold, audit_aging.sweep),
    "health": (health.fold, health.sweep),
    "lineage": (lineage.fold, lineage.sweep),
    "datasets": (datasets.fold, datasets.sweep),
}


class Sent(NamedTuple):
    topic: str
    name: str
    gap_ms: int
    """From the append time of the record before."""
    early_ms: int
    """From the event to its append time; less than nothing where the sender's clock is fast."""


def table_of(topic: str) -> str:
    return next(table for table, made in REBUILDINGS.items() if any(topic in family.topics for family in made.families))


events = st.lists(
    st.builds(
        Sent,
        st.sampled_from(sorted(SAMPLES)),
        st.sampled_from(["x", "y"]),
        st.one_of(st.integers(0, 30 * MINUTE), st.integers(0, 9 * DAY)),
        st.one_of(st.integers(-5 * MINUTE, 10 * MINUTE), st.integers(0, 3 * DAY)),
    ),
    min_size=1,
    max_size=40,
)


def entries_of(sent: Sequence[Sent]) -> list[Entry]:
    appended = NOW - sum(one.gap_ms for one in sent)
    made = []
    for offset, one in enumerate(sent):
        appended += one.gap_ms
        event = {"eventId": str(offset), "source": "s", **SAMPLES[one.topic], VARIED[one.topic]: one.name}
        at = appended - one.early_ms
        made.append(
            Entry(decoder(one.topic)(orjson.dumps(event | {"timestamp": at})), at, one.topic, 0, offset, appended)
        )
    return made


def folded(table: str, entries: Sequence[Entry], batch: int = 7) -> MemoryShard:
    """Rows as a worker makes them of entries, batch by batch, and as sweeps of the last day have left them."""
    shard = MemoryShard()
    fold, sweep = FOLDS[table]
    for start in range(0, len(entries), batch):
        for topic in dict.fromkeys(entry.topic for entry in entries[start : start + batch]):
            work = Work(shard)
            fold(work, topic, [entry for entry in entries[start : start + batch] if entry.topic == topic])
            shard.apply(*parted(work.changes()), 0)
    for hours in range(24):
        swept(shard, sweep, NOW - hours * HOUR)
    return shard


def swept(shard: MemoryShard, sweep: Any, now: int) -> None:
    sweeper = Sweeper(sweep, shard, FIRST, lambda: now)
    while not sweeper.wait_s():
        shard.apply(*parted(sweeper.step().changes), 0)


def rebuilt(
    table: str, entries: Sequence[Entry], lost: int, standing: MemoryShard
) -> tuple[MemoryShard, dict[Family, int | None]]:
    """The rows after a rebuild, when the first `lost` records of all topics are gone."""
    rebuilding: Rebuilding = REBUILDINGS[table]
    own: dict[str, int | None] = {}
    for topic in (topic for family in rebuilding.families for topic in family.topics):
        gone = [entry for entry in entries[:lost] if entry.topic == topic]
        left = [entry.received for entry in entries[lost:] if entry.topic == topic]
        own[topic] = since_of(left[0] if left else gone[-1].received) if gone else None
    sinces = by_topic(rebuilding, own)
    at = {topic: family.at for family in rebuilding.families for topic in family.topics}
    kept = [e for e in entries[lost:] if (since := sinces[e.topic]) is None or at[e.topic](e) >= since]
    new = folded(table, kept, 5)
    by_family = {family: latest(sinces[topic] for topic in family.topics) for family in rebuilding.families}
    for piece in differences(rebuilding, FIRST, standing, new, by_family, NOW).pieces:
        standing.apply(*parted(piece), 0)
    return standing, by_family


def rows(shard: MemoryShard) -> dict[tuple[str | int, ...], Any]:
    return {decode_key(key): orjson.loads(shard.get(key) or b"") for key in shard.keys()}  # noqa: SIM118


@settings(max_examples=200, deadline=None)
@given(events, st.integers(0, 40), st.sampled_from(sorted(FOLDS)))
def test_rows_that_are_right_stay_as_they_are(sent: list[Sent], lost: int, table: str) -> None:
    entries = [entry for entry in entries_of(sent) if table_of(entry.topic) == table]
    truth = rows(folded(table, entries))
    made, _ = rebuilt(table, entries, min(lost, len(entries)), folded(table, entries))
    assert without_sums(rows(made)) == without_sums(truth)


@settings(max_examples=200, deadline=None)
@given(events, st.sampled_from(sorted(FOLDS)), st.data())
def test_rows_that_are_wrong_are_made_again_where_nothing_is_lost(sent: list[Sent], table: str, data: Any) -> None:
    entries = [entry for entry in entries_of(sent) if table_of(entry.topic) == table]
    truth = rows(folded(table, entries))
    standing = folded(table, [entry for entry in entries if data.draw(st.booleans())])
    for extra in data.draw(st.lists(st.sampled_from(entries), max_size=3)) if entries else ():
        fold, _ = FOLDS[table]
        work = Work(standing)
        fold(work, extra.topic, [extra])
        standing.apply(*parted(work.changes()), 0)
    made, _ = rebuilt(table, entries, 0, standing)
    assert rows(made) == truth


@settings(max_examples=200, deadline=None)
@given(events, st.integers(1, 40))
def test_hours_since_the_topics_begin_are_made_again_and_older_ones_carried_over(sent: list[Sent], lost: int) -> None:
    entries = [entry for entry in entries_of(sent) if table_of(entry.topic) == "audit"]
    lost = min(lost, len(entries))
    standing = folded("audit", entries[: (lost + len(entries)) // 2])
    before = rows(standing)
    made, by_family = rebuilt("audit", entries, lost, standing)
    (since,) = by_family.values()
    truth = rows(folded("audit", entries))
    for key, row in truth.items():
        if key[0] in audit.DIMENSIONS:
            day = int(key[1]) // DAY * DAY
            if since is None or int(key[1]) >= since:
                assert rows(made)[key] == row or f"{key[0]}-day" in {k[0] for k in before if k[1] == day}
    for key, row in before.items():
        if key[0] in audit.DIMENSIONS and since is not None and int(key[1]) < since:
            assert rows(made)[key] == row


def without_sums(found: dict[tuple[str | int, ...], Any]) -> dict[tuple[str | int, ...], Any]:
    """Forms that mean the same are made the same: minutes of old hours may or may not have been let go."""
    for key, row in found.items():
        if key[0] in audit.DIMENSIONS:
            cells: dict[str, int] = {}
            for slot, count in row["c"].items():
                cells[slot[-1]] = cells.get(slot[-1], 0) + count
            row["c"] = cells
    return found
