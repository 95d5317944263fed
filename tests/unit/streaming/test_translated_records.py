"""An event that is said in another way: translated where the decoder refuses it, a dead letter as it was written."""

from collections.abc import Sequence
from dataclasses import replace

import orjson

from carbon_stream.streaming import unit
from carbon_stream.streaming.batch import Batch, Record
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.rows import Work
from tests.unit.streaming.test_unit_of_work import LOGIC, Refused, count, record, state
from tests.unit.streaming.test_unit_of_work import Record as Written

asked: list[int] = []
routed: list[tuple[int, bytes | None]] = []


def translate(one: Record) -> bytes | None:
    """`say:NAME` says an event by NAME; `bad:` is marked as one and is none."""
    asked.append(one.offset)
    text = one.value or b""
    if text.startswith(b"bad:"):
        raise Refused("not in this way either")
    if not text.startswith(b"say:"):
        return None
    return orjson.dumps({"user": text[4:].decode(), "event_id": text[4:].decode(), "timestamp": None})


def route(rows: Work, topic: str, entries: Sequence[Entry], records: Sequence[Record]) -> None:
    routed.extend((one.offset, one.value) for one in records)


LOGIC_TRANSLATED = replace(LOGIC, translate=translate, route=route)


def run(into: unit.State, *records: Record) -> unit.Outcome:
    asked.clear()
    routed.clear()
    outcome = unit.decide(LOGIC_TRANSLATED, into, [Batch(records)])
    assert outcome is not None
    unit.apply(into, outcome, 0)
    return outcome


def test_it_is_folded_deduplicated_and_routed_like_any_other() -> None:
    into = state()
    outcome = run(into, record(0, "ann", "x"), Written(1, b"say:bob"), Written(2, b"say:bob"))
    assert (count(into, "ann"), count(into, "bob")) == (1, 1)
    assert (outcome.counted["t"].applied, outcome.counted["t"].duplicate) == (2, 1)
    assert [offset for offset, _ in routed] == [0, 1]
    assert orjson.loads(routed[1][1] or b"")["user"] == "bob", "rules see what decoders read"


def test_what_decodes_and_has_an_id_is_never_asked_about() -> None:
    run(state(), record(0, event_id="a"), record(1, event_id="a"), Written(2, b"say:bob"), record(3))
    assert asked == [2, 3]


def test_what_is_refused_either_way_is_a_dead_letter_with_the_bytes_that_were_written() -> None:
    written = [Written(0, b"bad:1"), Written(1, b"neither"), Written(2, b"say:fold breaks"), Written(3, b"say:ann")]
    into = state()
    outcome = run(into, *written)
    assert [letter.record for letter in outcome.dead] == written[:3]
    assert "not in this way either" in outcome.dead[0].error
    assert "cannot take this" in outcome.dead[2].error
    assert count(into, "ann") == 1
