"""A sweep's rows are taken over in one go, however the changelog is cut into polls."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.streaming.transaction import MORE, NO_HEADERS
from carbon_stream.views.moves import Moves, Run
from tests.support.audit_days import LogRecord

Runs = list[tuple[list[bytes], bool]]


def record(key: str, *, more: bool = False) -> LogRecord:
    return LogRecord(key.encode(), b"{}", MORE if more else NO_HEADERS)


def runs(moves: Moves, *records: LogRecord) -> Runs:
    return shown(list(moves.runs(records)))


def shown(found: list[Run]) -> Runs:
    return [([key or b"" for key in run.rows], run.is_move) for run in found]


def test_a_move_is_one_run_and_other_rows_are_around_it() -> None:
    records = [record("a"), record("b", more=True), record("c", more=True), record("d"), record("e"), record("f")]
    assert runs(Moves(), *records) == [([b"a"], False), ([b"b", b"c", b"d"], True), ([b"e", b"f"], False)]


def test_a_move_that_is_cut_is_kept_back_until_it_is_whole() -> None:
    moves = Moves()
    assert runs(moves, record("a"), record("b", more=True)) == [([b"a"], False)]
    assert runs(moves, record("c", more=True)) == []
    assert runs(moves, record("d"), record("e")) == [([b"b", b"c", b"d"], True), ([b"e"], False)]


def test_what_compaction_left_of_a_move_is_joined_to_what_follows_or_ends_with_the_log() -> None:
    moves = Moves()
    assert runs(moves, record("b", more=True)) == []
    assert shown(list(moves.rest())) == [([b"b"], True)]
    assert shown(list(moves.rest())) == []
    assert runs(moves, record("c")) == [([b"c"], False)]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40),
    st.lists(st.integers(0, 40), max_size=6).map(sorted),
)
def test_rows_end_up_as_the_log_says_wherever_it_is_cut(log: list[tuple[int, bool]], cuts: list[int]) -> None:
    records = [LogRecord(b"%d" % key, b"%d" % n, MORE if more else NO_HEADERS) for n, (key, more) in enumerate(log)]
    moves, state = Moves(), dict[bytes | None, bytes | None]()
    bounds = [0, *cuts, len(records)]
    for start, end in pairwise(bounds):
        for run in moves.runs(records[start:end]):
            state.update(run.rows)
    for run in moves.rest():
        state.update(run.rows)
    assert state == {one.key: one.value for one in records}
