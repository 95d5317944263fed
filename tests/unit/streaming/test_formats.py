"""Rows of older versions are read as new ones, rows of newer ones are refused, and there is a way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import pytest

from carbon_stream.streaming import unit
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.deduplication import Budget, Seen
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.formats import Formats, NewerRow, Step
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Row, Work, encode_key
from carbon_stream.streaming.sweeping import Sweeper

ANN = ("user", "ann")


def rename(old: str, new: str) -> Step:
    def renamed(row: Row, a: str, b: str) -> Row:
        return {b if name == a else name: value for name, value in row.items()}

    return Step(lambda row: renamed(row, old, new), lambda row: renamed(row, new, old))


ONE = Formats()
TWO = Formats({"user": [rename("n", "count")]})
THREE = Formats({"user": [rename("n", "count"), rename("count", "events")]})
THREE_BACK = Formats(THREE.steps, writes_previous=True)


def shard(*rows: Row) -> MemoryShard:
    made = MemoryShard()
    made.apply({encode_key(("user", f"u{n}")): orjson.dumps(row) for n, row in enumerate(rows)}, {}, 0)
    return made


def stands(in_shard: MemoryShard) -> list[Row]:
    return [orjson.loads(in_shard.get(key) or b"") for key in in_shard.keys()]  # noqa: SIM118 — it is no mapping


def first_round(rows: MemoryShard, formats: Formats) -> Sweeper:
    """The sweeper of a release that finds these rows, after its first round."""
    sweeper = Sweeper(None, rows, formats, lambda: None)
    rows.apply(sweeper.step().changes, {}, 0)
    return sweeper


@pytest.mark.parametrize("row", [{"n": 5}, {"v": 1, "n": 5}, {"v": 2, "count": 5}, {"v": 3, "events": 5}])
def test_a_row_of_any_known_version_is_read_as_the_newest(row: Row) -> None:
    assert THREE.read(ANN, row) == {"v": 3, "events": 5}


def test_kinds_have_versions_of_their_own() -> None:
    assert THREE.read(("service", "kong"), {"v": 1, "n": 5}) == {"v": 1, "n": 5}
    with pytest.raises(NewerRow):
        THREE.read(("service", "kong"), {"v": 2, "count": 5})


@pytest.mark.parametrize("version", [3, 0, -1, "2", 1.5, None])
def test_a_row_that_is_not_known_is_refused_with_what_to_do(version: object) -> None:
    with pytest.raises(NewerRow, match=r'row \["user","ann"\].*versions up to 2.*Start that release again'):
        TWO.read(ANN, {"v": version, "n": 1})
    with pytest.raises(NewerRow):
        first_round(shard({"v": version, "n": 1}), TWO)
    with pytest.raises(NewerRow):
        first_round(shard({"n": 1, "v": version}), TWO)


def test_a_row_is_written_in_the_newest_version_or_the_one_before() -> None:
    row = {"v": 3, "events": 5}
    assert THREE.write(ANN, row) == row
    assert THREE_BACK.write(ANN, row) == {"v": 2, "count": 5}
    assert row == {"v": 3, "events": 5}
    assert Formats(writes_previous=True).write(ANN, {"v": 1, "n": 5}) == {"v": 1, "n": 5}


@pytest.mark.parametrize(("formats", "written"), [(THREE, {"v": 3, "events": 6}), (THREE_BACK, {"v": 2, "count": 6})])
def test_a_fold_sees_the_newest_version_whatever_is_written(formats: Formats, written: Row) -> None:
    rows = shard({"v": 1, "n": 5})
    work = Work(rows, formats)
    row = work.get(("user", "u0"))
    assert row == {"v": 3, "events": 5}
    row["events"] += 1
    work.put(("user", "u0"), row)
    rows.apply(work.changes(), {}, 0)
    assert stands(rows) == [written]


def test_the_first_rounds_write_every_row_again_that_stands_in_another_version() -> None:
    rows = shard({"v": 1, "n": 1}, {"v": 3, "events": 2}, {"v": 2, "count": 3})
    rows.apply({encode_key(("service", "kong")): b'{"v":1,"n":4}'}, {}, 0)
    sweeper = Sweeper(None, rows, THREE, lambda: None)
    changes = sweeper.step().changes
    assert len(changes) == 2
    rows.apply(changes, {}, 0)
    settled = [sweeper.are_formats_settled]
    assert stands(rows) == [{"v": 3, "events": 1}, {"v": 3, "events": 2}, {"v": 3, "events": 3}, {"v": 1, "n": 4}]
    assert sweeper.step().changes == {}
    settled.append(sweeper.are_formats_settled)
    sweeper.begin()  # somebody else may have had the partition
    settled.append(sweeper.are_formats_settled)
    assert settled == [False, True, False], "not before it was seen"


def test_the_way_back_leaves_rows_that_the_release_before_reads() -> None:
    rows = shard({"v": 1, "n": 1}, {"v": 3, "events": 2}, {"v": 2, "count": 3})
    with pytest.raises(NewerRow):
        first_round(rows, TWO)
    first_round(rows, THREE_BACK)
    assert stands(rows) == [{"v": 2, "count": 1}, {"v": 2, "count": 2}, {"v": 2, "count": 3}]
    assert first_round(rows, TWO).are_formats_settled


def test_a_sweep_and_a_rewrite_of_the_same_row_do_not_undo_each_other() -> None:
    def sweep(rows: Work, now: int) -> None:
        for key in list(rows.keys()):
            row = rows.get(key)
            if row is not None and row["events"] == 2:
                rows.delete(key)
            elif row is not None:
                rows.put(key, {**row, "events": row["events"] + 10})

    rows = shard({"v": 1, "n": 1}, {"v": 2, "count": 2})
    rows.apply(Sweeper(sweep, rows, THREE, lambda: 5).step().changes, {}, 0)
    assert stands(rows) == [{"v": 3, "events": 11}]


def test_a_table_whose_formats_never_changed_is_settled_after_a_look() -> None:
    assert first_round(shard({"v": 1, "n": 1}), ONE).are_formats_settled


@dataclass
class Event:
    source: str = "svc"
    event_id: str | None = None
    timestamp: int | None = None


@dataclass
class Record:
    offset: int
    value: bytes | None = b"{}"
    topic: str = "t"
    partition: int = 0
    timestamp: int = 1_764_000_000_000
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def test_events_are_not_to_blame_for_a_row_that_cannot_be_read() -> None:
    def fold(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        rows.get(("user", "u0"))

    logic = unit.Logic({"t": lambda _: Event()}, ValueError, fold)
    state = unit.State(shard({"v": 2, "count": 1}), {"t": Seen("t", Budget())})
    with pytest.raises(NewerRow):
        unit.decide(logic, state, [Batch([Record(0)])])
