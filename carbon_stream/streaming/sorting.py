"""Sorting one topic's records of a unit of work: what is folded, what is refused, what is passed over.

Most batches hold nothing but good, new events whose clocks agree with the broker's. Those are sorted a column at a
time; anything else sends the whole batch through the loop that looks at each record. A property test holds the two to
the same answer.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

from carbon_stream.streaming.batch import Record, translated
from carbon_stream.streaming.clock import AHEAD_MS_MAX, LATE_MS
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.deduplication import Seen, digest, numbered
from carbon_stream.streaming.entry import Decode, Entry, Translate


@dataclass(slots=True)
class Sorted:
    """One topic's records, sorted. Counts of late and skewed are of those in `entries`."""

    first_offset: int
    last_offset: int
    at: int
    """The newest append time, ms."""
    entries: list[Entry] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """The records of `entries`, in the same order."""
    digests: dict[int, bytes] = field(default_factory=dict)
    """Identities of `entries` that have one: as a number, and as bytes."""
    dead: list[DeadLetter] = field(default_factory=list)
    duplicate: int = 0
    late: int = 0
    skewed: int = 0


def sort(
    records: Sequence[Record],
    position: int,
    seen: Seen,
    decode: Decode,
    invalid: type[Exception],
    translate: Translate | None = None,
) -> Sorted | None:
    """Records from `position` on, in offset order; None if there are none. Records may overlap, as after a seek."""
    new = fresh(records, position)
    if not new:
        return None
    return _by_column(new, seen, decode) or _one_by_one(new, seen, decode, invalid, translate)


def where(exc: Exception) -> str:
    """A fault of our own as a dead letter tells it."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__}: {exc} ({last.name}, line {last.lineno})"


def fresh(records: Sequence[Record], position: int) -> Sequence[Record]:
    """Those from `position` on, each offset once, in order."""
    offsets = [record.offset for record in records]
    if offsets[0] >= position and all(map(int.__lt__, offsets, offsets[1:])):
        return records
    new: list[Record] = []
    for record in records:
        if record.offset >= position:
            new.append(record)
            position = record.offset + 1
    return new


def _by_column(records: Sequence[Record], seen: Seen, decode: Decode) -> Sorted | None:
    """All of it at once, or None if any record needs a closer look."""
    try:
        events: list[Any] = [decode(record.value) for record in records]
        digests = [digest(event.source, event.event_id) for event in events]
        times: list[int] = [event.timestamp for event in events]
        appended = [record.timestamp for record in records]
        newest, oldest = max(appended), min(appended)
        if max(times) > oldest + AHEAD_MS_MAX or min(times) < newest - LATE_MS:
            return None
    except Exception:  # noqa: BLE001 — refused, broken, or without an id or a time: the loop tells them apart
        return None
    numbers = dict(zip(numbered(digests), digests, strict=True))
    if len(numbers) < len(digests) or not seen.isdisjoint(numbers):
        return None
    first, last = records[0], records[-1]
    offsets = [record.offset for record in records]
    columns = zip(events, times, repeat(first.topic), repeat(first.partition), offsets, appended, strict=False)
    return Sorted(first.offset, last.offset, newest, list(map(Entry._make, columns)), list(records), numbers)


def _one_by_one(
    records: Sequence[Record], seen: Seen, decode: Decode, invalid: type[Exception], translate: Translate | None
) -> Sorted:
    out = Sorted(records[0].offset, records[-1].offset, max(record.timestamp for record in records))
    for written in records:
        try:
            event, record = _read(written, decode, invalid, translate)
        except invalid as exc:
            out.dead.append(DeadLetter(written, str(getattr(exc, "reason", "invalid")), str(exc)))
            continue
        except Exception as exc:  # noqa: BLE001 — a decoder's own fault must not stop the partition for ever
            out.dead.append(DeadLetter(written, "error", where(exc)))
            continue
        if _is_repeat(out, event, seen):
            out.duplicate += 1
            continue
        at = _bounded(out, event.timestamp, record.timestamp)
        out.entries.append(Entry(event, at, record.topic, record.partition, record.offset, record.timestamp))
        out.records.append(record)
    return out


def _read(record: Record, decode: Decode, invalid: type[Exception], translate: Translate | None) -> tuple[Any, Record]:
    """The event, and the record that says it as decoders read it."""
    refusal: Exception | None = None
    event: Any = None
    try:
        event = decode(record.value)
    except invalid as exc:
        refusal = exc
    if translate is not None and (refusal is not None or event.event_id is None):
        value = translate(record)
        if value is not None:
            return decode(value), translated(record, value)
    if refusal is not None:
        raise refusal
    return event, record


def _is_repeat(out: Sorted, event: Any, seen: Seen) -> bool:
    """Whether the event was seen before; it is from now on. One without an id is never a repeat."""
    if event.event_id is None:
        return False
    identity = digest(event.source, event.event_id)
    (number,) = numbered([identity])
    if number in seen or number in out.digests:
        return True
    out.digests[number] = identity
    return False


def _bounded(out: Sorted, at: int | None, appended: int) -> int:
    """Event time within the broker's bounds, counting what is late or skewed."""
    if at is None:
        return appended
    if at > appended + AHEAD_MS_MAX:
        out.skewed += 1
        return appended
    if at < appended - LATE_MS:
        out.late += 1
    return at
