"""The audit fold counts what a brute-force count counts, in whatever order and batches the events come."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import audit
from carbon_stream.projections.audit_columns import CELL_CLASSES, CELL_RESULTS, CELLS, bounded
from carbon_stream.projections.rows import Entry, Key, MemoryRows, Row
from carbon_stream.projections.sketch import sketch_of

HOUR = 1_700_000_000_000 // 3_600_000 * 3_600_000

names = st.sampled_from(["alice", "bob", "other", "", "ünï", "x" * 1024, "x" * 1023 + "y"])
required = names.filter(bool)
results = st.sampled_from(["SUCCESS", "FAILURE", "DENIED"])
times = st.integers(min_value=HOUR - 7_200_000, max_value=HOUR + 7_200_000)
envelope = {"eventId": st.uuids().map(str), "source": required, "timestamp": times, "ipAddress": st.just("unknown")}

events = st.one_of(
    st.tuples(
        st.just("audit-user-actions"),
        st.fixed_dictionaries(
            {
                **envelope,
                "eventType": st.just("AuditUserActionEvent"),
                "userId": required,
                "username": names,
                "action": names,
                "resource": names,
                "resourceType": names,
                "result": results,
                "details": st.just({}),
            }
        ),
    ),
    st.tuples(
        st.just("audit-api-calls"),
        st.fixed_dictionaries(
            {
                **envelope,
                "eventType": st.just("AuditAPICallEvent"),
                "service": required,
                "endpoint": st.sampled_from(["/a", "/a?b=1", "/a?c=?", "/b", "", "?q"]),
                "method": names,
                "statusCode": st.integers(min_value=100, max_value=599),
                "latencyMs": st.floats(min_value=0, max_value=1e6),
                "requestSizeBytes": st.just(1),
                "responseSizeBytes": st.just(1),
                "userId": st.one_of(st.none(), names),
            }
        ),
    ),
    st.tuples(
        st.just("audit-data-access"),
        st.fixed_dictionaries(
            {
                **envelope,
                "eventType": st.just("AuditDataAccessEvent"),
                "userId": required,
                "datasetName": required,
                "operation": st.sampled_from(["READ", "WRITE", "DELETE", "EXPORT"]),
                "engine": st.one_of(st.none(), names),
                "result": results,
            }
        ),
    ),
    st.tuples(
        st.just("audit-admin-ops"),
        st.fixed_dictionaries(
            {
                **envelope,
                "eventType": st.just("AuditAdminOperationEvent"),
                "userId": required,
                "operation": required,
                "target": st.one_of(st.none(), names),
                "result": results,
            }
        ),
    ),
)


def entry(topic: str, data: dict[str, Any], offset: int) -> Entry:
    event = decoder(topic)(orjson.dumps(data))
    return Entry(event, data["timestamp"], topic, 0, offset, data["timestamp"])


def folded(batches: list[tuple[str, list[Entry]]]) -> dict[Key, Row]:
    rows = MemoryRows()
    for topic, batch in batches:
        audit.fold(rows, topic, batch)
        rows.rows = {key: orjson.loads(orjson.dumps(row)) for key, row in rows.rows.items()}
    return rows.rows


def in_batches(entries: list[Entry], size: int) -> list[tuple[str, list[Entry]]]:
    """Runs of one topic, cut after `size` entries."""
    batches: list[tuple[str, list[Entry]]] = []
    for one in entries:
        if not batches or batches[-1][0] != one.topic or len(batches[-1][1]) >= size:
            batches.append((one.topic, []))
        batches[-1][1].append(one)
    return batches


def described(topic: str, data: dict[str, Any]) -> dict[str, str]:
    """What docs/audit.md says of an event, written down once more without looking at the columns."""
    who = {"user": data.get("userId") or "anonymous", "eventType": data["eventType"]}
    if topic == "audit-user-actions":
        what = {"service": data["source"], "action": data["action"], "resource": data["resource"]}
    elif topic == "audit-api-calls":
        path = data["endpoint"].split("?")[0]
        what = {"service": data["service"], "action": data["method"], "resource": path}
    elif topic == "audit-data-access":
        service = data["engine"] or data["source"]
        what = {"service": service, "action": data["operation"], "resource": data["datasetName"]}
    else:
        what = {"service": data["source"], "action": data["operation"], "resource": data["target"] or "unknown"}
    return {**who, **what, "result": result_of(data)}


def result_of(data: dict[str, Any]) -> str:
    status = data.get("statusCode")
    if status is None:
        return str(data["result"])
    if status in (401, 403):
        return "DENIED"
    return "FAILURE" if status >= 400 else "SUCCESS"


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=40), st.integers(1, 20))
def test_rows_equal_a_brute_force_count(sent: list[tuple[str, dict[str, Any]]], size: int) -> None:
    rows = folded(in_batches([entry(topic, data, n) for n, (topic, data) in enumerate(sent)], size))
    for dimension in audit.DIMENSIONS:
        counts: Counter[tuple[str, int, str, str | None]] = Counter()
        last: dict[tuple[str, int], int] = {}
        latencies: dict[tuple[str, int], list[float]] = {}
        for topic, data in sent:
            entity, at = described(topic, data)[dimension], data["timestamp"]
            status = data.get("statusCode")
            kind = None if status is None else f"{status // 100}xx"
            counts[bounded(entity), at // 60_000 * 60_000, result_of(data), kind] += 1
            group = (bounded(entity), at // 3_600_000 * 3_600_000)
            last[group] = max(last.get(group, 0), at)
            if status is not None:
                latencies.setdefault(group, []).append(data["latencyMs"])
        found: Counter[tuple[str, int, str, str | None]] = Counter()
        for key, row in rows.items():
            if key[0] == dimension:
                hour, name = int(key[1]), str(key[2])
                for slot, count in row["c"].items():
                    cell = CELLS.index(slot[-1])
                    found[name, hour + int(slot[:-1]) * 60_000, CELL_RESULTS[cell], CELL_CLASSES[cell]] += count
                assert row["t"] == last[name, hour]
                assert row.get("s", {}) == sketch_of(latencies.get((name, hour), []))
        assert found == counts


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=40), st.integers(1, 20), st.integers(1, 20), st.randoms(use_true_random=False))
def test_order_and_batches_do_not_matter(
    sent: list[tuple[str, dict[str, Any]]], size: int, other_size: int, shuffle: random.Random
) -> None:
    entries = [entry(topic, data, n) for n, (topic, data) in enumerate(sent)]
    rows = folded(in_batches(entries, size))
    shuffle.shuffle(entries)
    assert folded(in_batches(entries, other_size)) == rows


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(events, max_size=15), min_size=3, max_size=3))
def test_merging_rows_is_folding_all(parts: list[list[tuple[str, dict[str, Any]]]]) -> None:
    together = folded(in_batches([entry(t, d, n) for n, (t, d) in enumerate([*parts[0], *parts[1], *parts[2]])], 9))
    apart = [folded(in_batches([entry(t, d, n) for n, (t, d) in enumerate(part)], 9)) for part in parts]
    for key, row in together.items():
        if key[0] == "access":
            continue
        have = [rows[key] for rows in apart if key in rows]
        forwards, backwards = have[0], have[-1]
        for one in have[1:]:
            forwards = audit.merge(forwards, one)
        for one in reversed(have[:-1]):
            backwards = audit.merge(one, backwards)
        assert forwards == backwards == row
