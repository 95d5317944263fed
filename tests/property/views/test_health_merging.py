"""Whatever partitions, order and batches observations come in, a service's health is what its observations say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import health
from carbon_stream.projections.rows import Entry, MemoryRows
from carbon_stream.views.health import HealthView

NOW = 1_760_000_000_000
HOUR = 3_600_000
WINDOWS = {"5m": 300_000, "1h": HOUR, "24h": 24 * HOUR}
STATUSES = ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN")
DECODE = decoder("system-health")


class Observation(NamedTuple):
    at: int
    status: str
    latency_ms: int
    error_rate: float
    partition: int = 0


def observations(least: int = 1) -> st.SearchStrategy[list[Observation]]:
    """Dense and sparse: within seconds, minutes or a day before NOW, often at the same time."""
    age = st.one_of(st.integers(0, 60_000), st.integers(0, 3 * HOUR), st.integers(0, 25 * HOUR))
    one = st.builds(
        Observation,
        at=age.map(lambda ms: NOW - ms // 500 * 500),
        status=st.sampled_from(STATUSES),
        latency_ms=st.integers(0, 5_000),
        error_rate=st.integers(0, 1_000).map(lambda thousandths: thousandths / 1_000),
        partition=st.integers(0, 2),
    )
    return st.lists(one, min_size=least, max_size=40)


def entry(observation: Observation, offset: int) -> Entry:
    event = {
        "eventType": "ServiceHealthEvent",
        "source": "probe",
        "serviceName": "trino",
        "namespace": "data",
        "healthStatus": observation.status,
        "latencyMs": observation.latency_ms,
        "errorRate": observation.error_rate,
    }
    decoded = DECODE(orjson.dumps(event))
    return Entry(decoded, observation.at, "system-health", observation.partition, offset, NOW)


def folded(seen: Sequence[Observation], cuts: Sequence[int]) -> tuple[HealthView, dict[int, MemoryRows]]:
    """A view of these observations: each partition's in their order, in batches that end at the cuts."""
    view = HealthView()
    tables: dict[int, MemoryRows] = {}
    for partition in range(3):
        rows = tables[partition] = MemoryRows()
        mine = [entry(each, offset) for offset, each in enumerate(each for each in seen if each.partition == partition)]
        ends = sorted({*(cut % (len(mine) + 1) for cut in cuts), len(mine)})
        for start, end in zip([0, *ends], ends, strict=False):
            if mine[start:end]:
                health.fold(rows, "system-health", mine[start:end])
                show(view, partition, rows)
                view.summary(("data", "trino"), NOW)  # what a view keeps between reads must not go stale
    return view, tables


def show(view: HealthView, partition: int, rows: MemoryRows) -> None:
    for key, row in rows.rows.items():
        view.apply(partition, tuple(orjson.loads(orjson.dumps(key))), orjson.loads(orjson.dumps(row)))


def expected(seen: Sequence[Observation]) -> dict[str, Any]:
    """By the definitions, one step after the other, from the plain list of observations."""
    kept = thinned(in_order(seen))
    silence = silence_of(sorted({o.at for o in kept}))
    pieces: list[tuple[int, int, str]] = []
    for index, each in enumerate(kept):
        stop = kept[index + 1].at if index + 1 < len(kept) else NOW
        pieces.append((each.at, min(stop, each.at + silence), each.status))
        if stop > each.at + silence:
            pieces.append((each.at + silence, stop, "UNKNOWN"))
    since = pieces[-1][0]
    for start, _, status in reversed(pieces):
        if status != pieces[-1][2]:
            break
        since = start
    return {
        "status": pieces[-1][2],
        "since": since,
        "lastSeen": kept[-1].at,
        "availability": {name: share_serving(pieces, NOW - length) for name, length in WINDOWS.items()},
        "errorRate": {name: mean_error_rate(seen, NOW - length) for name, length in WINDOWS.items()},
        "events": len(seen),
    }


def in_order(seen: Sequence[Observation]) -> list[Observation]:
    return sorted(seen, key=lambda o: (o.at, o.partition))  # stable: of one partition, the order of offsets


def thinned(ordered: Sequence[Observation]) -> list[Observation]:
    """Of every ten seconds and status, the first and the last observation."""
    kept = []
    for index, each in enumerate(ordered):
        slot = (each.at // 10_000, each.status)
        alike = [i for i, other in enumerate(ordered) if (other.at // 10_000, other.status) == slot]
        if index in (alike[0], alike[-1]):
            kept.append(each)
    return kept


def silence_of(times: Sequence[int]) -> int:
    recent = times[-101:]
    gaps = [later - earlier for earlier, later in pairwise(recent)]
    return max(30_000, round(3 * (median(gaps) if gaps else 60_000) / 5_000) * 5_000)


def share_serving(pieces: Sequence[tuple[int, int, str]], start: int) -> float | None:
    known = serving = 0
    for begin, end, status in pieces:
        weight = max(0, end - max(begin, start))
        known += weight * (status != "UNKNOWN")
        serving += weight * (status in ("HEALTHY", "DEGRADED"))
    return round(serving / known, 6) if known else None


def mean_error_rate(seen: Sequence[Observation], start: int) -> float | None:
    rates = [round(o.error_rate * 1_000_000) for o in seen if o.at >= start // 60_000 * 60_000]
    return round(sum(rates) / len(rates) / 1_000_000, 6) if rates else None


@given(observations(), st.lists(st.integers(0, 40), max_size=4))
def test_health_is_what_the_observations_say(seen: list[Observation], cuts: list[int]) -> None:
    view, _ = folded(seen, cuts)
    found = view.summary(("data", "trino"), NOW)
    assert found is not None
    assert {name: found[name] for name in expected(seen)} == expected(seen)
    assert dict(view.statuses(view.services(), NOW)) == {("data", "trino"): found["status"]}


@given(observations(2), st.randoms(use_true_random=False), st.lists(st.integers(0, 40), max_size=4))
def test_partitions_and_order_do_not_matter(seen: list[Observation], random: Any, cuts: list[int]) -> None:
    unique = list({each.at: each for each in seen}.values())  # of the same time, partition and offset decide
    elsewhere = [each._replace(partition=random.randrange(3)) for each in unique]
    random.shuffle(elsewhere)
    one, _ = folded(unique, [])
    other, _ = folded(elsewhere, cuts)
    first, second = (view.detail(("data", "trino"), NOW) for view in (one, other))
    assert first == second


@given(observations(), st.lists(st.integers(0, 40), max_size=3))
def test_aging_changes_neither_counts_nor_the_last_day(seen: list[Observation], cuts: list[int]) -> None:
    view, tables = folded(seen, cuts)
    before = view.summary(("data", "trino"), NOW)
    for partition, rows in tables.items():
        known = set(rows.rows)
        health.sweep(rows, NOW + 2 * HOUR)
        for key in known - set(rows.rows):
            view.apply(partition, key, None)
        show(view, partition, rows)
    after = view.summary(("data", "trino"), NOW)
    assert before is not None
    assert after is not None
    for same in ("status", "lastSeen", "events", "errorRate", "latencyMs"):
        assert after[same] == before[same]


@pytest.mark.parametrize("slot_ms", [1_000, 10_000])
@given(st.lists(st.integers(0, 60_000)), st.integers(0, 100))
def test_thinning_parts_is_thinning_the_whole(slot_ms: int, values: list[int], cut: int) -> None:
    ordered = sorted(values, key=lambda value: value >> 2)
    first, second = ordered[: cut % (len(ordered) + 1)], ordered[cut % (len(ordered) + 1) :]
    assert health.joined(health.thin(first, slot_ms), health.thin(second, slot_ms), slot_ms) == health.thin(
        ordered, slot_ms
    )
