"""Rules that count: of events that have something in common, so many within a time.

What one person does arrives on many partitions of many topics. So the agent that reads an event writes an occurrence
to a topic of ours, keyed by rule and by what is counted, in the event's own transaction; the `repeats` agent reads
that topic and decides. An occurrence carries all that deciding needs, rule and all: what was matched under a rule is
counted under it, also when the rules have changed meanwhile.

Row: `("repeat", rule, …what is counted)`: `{"v": 1, "times": [ms, …], "seen": ms by the broker's clock, "within": ms}`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import orjson

from carbon_stream.contracts import limits
from carbon_stream.contracts.invalid import EMPTY, INVALID, whole
from carbon_stream.contracts.names import RULE_REPEATS
from carbon_stream.rules import paths
from carbon_stream.rules.model import Repeats, Rule
from carbon_stream.rules.sending import Arrival, Refused, send
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.rows import Key, Work

__all__ = ["Occurrence", "decoder", "fold", "occurrence", "sweep"]

ROWS_MAX: Final = 50_000
"""Things that one rule counts in one partition; of further ones nothing is counted until some have aged."""
BY_CHARS: Final = 256
SWEEP_ROWS_MAX: Final = 1_000


class Occurrence(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """One event that a counting rule has matched, with the record that the rule sends if this one makes it full.

    `timestamp`, `source` and `event_id` are what a stage asks of any event; one of ours is known by where it stands.
    """

    rule: str
    by: list[str]
    at: int
    times: int
    within: int
    topic: str
    key: str
    """Base64, as it may hold any bytes."""
    event: msgspec.Raw
    headers: list[tuple[str, str]] = []

    @property
    def timestamp(self) -> int:
        return self.at

    @property
    def source(self) -> str:
        return "carbon-stream"

    @property
    def event_id(self) -> None:
        return None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Occurrence).decode


def occurrence(rule: Rule, counts: Repeats, arrival: Arrival) -> Forward:
    """The record for our own topic. Raises Refused where the event cannot be sent, or has nothing to be counted by."""
    by = [paths.text(paths.fill(template, arrival.data))[:BY_CHARS] for template in counts.by]
    if not any(by):
        raise Refused("nothing-to-count", "the event has none of the fields that are counted by")
    made = send(rule, arrival, {"times": counts.times, "withinMs": counts.within_ms})
    written = Occurrence(
        rule=rule.name,
        by=by,
        at=arrival.at,
        times=counts.times,
        within=counts.within_ms,
        topic=made.topic,
        key=_text(made.key),
        event=msgspec.Raw(made.value),
        headers=[(name, _text(content)) for name, content in made.headers],
    )
    value = _encode(written)
    if len(value) > limits.RECORD_BYTES:
        raise Refused("too-large", f"what it would count has {len(value):,} bytes, {limits.RECORD_BYTES:,} are allowed")
    return Forward(RULE_REPEATS, orjson.dumps([rule.name, *by]), value)


def decoder(_: str) -> Callable[[bytes | None], Occurrence]:
    """The decoder of our own topic: gives an occurrence or raises Invalid."""
    return _read


def _read(raw: bytes | None) -> Occurrence:
    if not raw:
        raise whole(EMPTY, "the record has no value")
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise whole(INVALID, f"this is no occurrence of ours: {error}") from None


def fold(rows: Work, _: str, entries: Sequence[Entry]) -> None:
    """Count occurrences in the order in which they arrived."""
    for entry in entries:
        seen: Occurrence = entry.event
        key: Key = ("repeat", seen.rule, *seen.by)
        row = rows.get(key)
        if row is None and rows.count("repeat", seen.rule) >= ROWS_MAX:
            continue
        times = after(row["times"] if row is not None else [], entry.at, seen.within)
        if len(times) >= seen.times:
            rows.forward(_made(seen))
            times = []
        if times:
            rows.put(key, {"v": 1, "times": times, "seen": entry.received, "within": seen.within})
        else:
            rows.delete(key)


def after(times: Sequence[int], at: int, within: int) -> list[int]:
    """The times that count once one more has come: those within the time before the newest of them, sorted."""
    together = sorted([*times, at])
    return [time for time in together if time > together[-1] - within]


def _made(seen: Occurrence) -> Forward:
    headers = tuple((name, base64.b64decode(content)) for name, content in seen.headers)
    return Forward(seen.topic, base64.b64decode(seen.key), bytes(seen.event), headers, by=seen.rule)


def sweep(rows: Work, now: int) -> None:
    """Forget what was last seen longer ago than it counts, by the broker's clock."""
    changed = 0
    for key in rows.keys():  # noqa: SIM118 — rows are no mapping
        row: dict[str, Any] | None = rows.get(key) if key[0] == "repeat" else None
        if row is not None and row["seen"] < now - row["within"]:
            rows.delete(key)
            changed += 1
            if changed >= SWEEP_ROWS_MAX:
                return


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
