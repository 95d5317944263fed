"""From raw events to records: parse, validate, enrich, route, in one pass. Pure but for the clock in its origin."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from msgspec import UNSET

from carbon_stream.access.pseudonyms import Pseudonyms
from carbon_stream.contracts import codec, limits, plain
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.contracts.invalid import Refused
from carbon_stream.contracts.plain import PlainEvent, topic_of
from carbon_stream.enrichment import Enrichment, Origin, TraceParent
from carbon_stream.enrichment.services import Service
from carbon_stream.ingest.formats.reading import Arrival, NoEvent, Reader, read_native
from carbon_stream.ingest.receipts import TOO_LARGE, Rejected
from carbon_stream.ingest.repeats.window import Mark, mark_of
from carbon_stream.ingest.scrutiny import Finding, Scrutiny
from carbon_stream.routing import Record, plain_record, record_of

__all__ = ["NOT_JSON_REASONS", "Checked", "Pipeline"]

NOT_JSON_REASONS: Final = frozenset({"empty", "not-utf8", "not-json"})
"""Reasons that make a whole body not JSON, where the event is the body."""


class Checked:
    """Events in order: each has a record and its eventId, or a rejection, or is skipped.

    `places` says for each record which event it is of, `marks` what a repeat of it is recognised by: None for one that
    came without an id.
    """

    __slots__ = ("event_ids", "marks", "places", "records", "rejections", "skipped")

    def __init__(self) -> None:
        self.rejections: dict[int, Rejected] = {}
        self.records: list[Record] = []
        self.event_ids: list[str] = []
        self.places: list[int] = []
        self.marks: list[Mark | None] = []
        self.skipped: list[int] = []


class Pipeline:
    """Checks and enriches the events of one request; `read` knows how its sender writes them."""

    def __init__(
        self,
        origin: Origin,
        services: Mapping[str, Service],
        event_bytes_max: int,
        pseudonyms: Pseudonyms,
        read: Reader = read_native,
        event_id: Callable[[int], str] | None = None,
    ) -> None:
        self._read = read
        self._event_id = event_id
        """Gives the event at a place of the request its id, where it has none."""
        self._seen = 0
        self._mark: Mark | None = None
        self._scrutiny = Scrutiny(origin, pseudonyms)
        self._enrichment = Enrichment(origin, services)
        self._received_at = origin.received_at
        self._traceparent = str(origin.trace).encode() if origin.trace else None
        self._tracestate = (("tracestate", origin.tracestate.encode()),) if origin.tracestate else ()
        self._event_bytes_max = event_bytes_max
        self._record_bytes_max = event_bytes_max + limits.RECORD_BYTES - limits.EVENT_BYTES

    @property
    def findings(self) -> Mapping[Finding, int]:
        """What did not fit together in the events so far, and how often."""
        return self._scrutiny.findings

    def check(self, raw_events: Iterable[bytes]) -> Checked:
        """Records and rejections for raw events."""
        checked = Checked()
        if self._read is read_native:
            self._check_native(checked, raw_events)
        else:
            self._check_read(checked, raw_events)
        if self._event_id is not None:
            self._seen += len(checked.places) + len(checked.rejections) + len(checked.skipped)
        return checked

    def begin_again(self) -> None:
        """The same events are checked once more, from the first."""
        self._seen = 0

    def _check_read(self, checked: Checked, raw_events: Iterable[bytes]) -> None:
        for place, raw in enumerate(raw_events):
            try:
                arrival = self._read(raw, self._event_bytes_max)
            except Invalid as error:
                event_id = error.event_id if isinstance(error, Refused) else None
                checked.rejections[place] = Rejected(event_id, False, error.reason, error.errors)
                continue
            except NoEvent:
                checked.skipped.append(place)
                continue
            self.add(checked, place, arrival)

    def _check_native(self, checked: Checked, raw_events: Iterable[bytes]) -> None:
        """The same, without a dictionary for events that are plain."""
        for place, raw in enumerate(raw_events):
            event = plain.read(raw) if len(raw) <= self._event_bytes_max else None
            if event is not None:
                self._add_plain(checked, place, event)
                continue
            try:
                arrival = read_native(raw, self._event_bytes_max)
            except Invalid as error:
                checked.rejections[place] = Rejected(None, False, error.reason, error.errors)
                continue
            self.add(checked, place, arrival)

    def _add_plain(self, checked: Checked, place: int, event: PlainEvent) -> None:
        if event.event_id is UNSET and self._event_id is not None:
            event.event_id = self._event_id(self._seen + place)
        try:
            self._scrutiny.allow(topic_of(event), event.source)
            text = plain.write(event)
            mark = None if event.event_id is UNSET else mark_of(event.source, event.event_id, text)
            value = self._enrichment.completed(event, text)
            self._check_size(value)
        except Invalid as error:
            event_id = None if event.event_id is UNSET else event.event_id
            checked.rejections[place] = Rejected(event_id, False, error.reason, error.errors)
            return
        assert event.event_id is not UNSET
        checked.records.append(plain_record(event, value, self._received_at, self._traceparent, self._tracestate))
        checked.event_ids.append(event.event_id)
        checked.places.append(place)
        checked.marks.append(mark)

    def add(self, checked: Checked, place: int, arrival: Arrival) -> None:
        """A record or a rejection for one event that has been read."""
        data = arrival.data
        if self._event_id is not None and data.get("eventId") is None:
            data["eventId"] = self._event_id(self._seen + place)
        try:
            record = self._record(data, arrival.trace, arrival.headers)
        except Invalid as error:
            errors = error.errors
            if arrival.relocate is not None:
                errors = tuple(FieldError(arrival.relocate(e.pointer), e.type, e.message) for e in errors)
            checked.rejections[place] = Rejected(_event_id(data), False, error.reason, errors)
            return
        checked.records.append(record)
        checked.event_ids.append(data["eventId"])
        checked.places.append(place)
        checked.marks.append(self._mark)

    def _record(
        self, data: dict[str, Any], trace: TraceParent | None = None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> Record:
        topic = codec.accept(data)
        self._scrutiny.look(topic, data)
        self._mark = None if data.get("eventId") is None else _mark_of(data)
        self._enrichment.apply(topic, data, trace)
        value = codec.encode(data)
        self._check_size(value)
        if trace is not None:
            return record_of(topic, data, value, self._received_at, str(trace).encode(), headers)
        return record_of(topic, data, value, self._received_at, self._traceparent, self._tracestate + headers)

    def _check_size(self, value: bytes) -> None:
        if len(value) > self._record_bytes_max:
            message = f"with what the service adds the event has {len(value):,} bytes, too many for its topic"
            raise Invalid(TOO_LARGE, (FieldError("", TOO_LARGE, message),))


def _mark_of(data: dict[str, Any]) -> Mark | None:
    """The mark of an event that has an eventId, before anything is added to it. None for what JSON cannot say.

    A plain event's is that of its plain text, in whichever format it came.
    """
    event = plain.convert(data)
    try:
        text = plain.write(event) if event is not None else orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    return mark_of(data["source"], data["eventId"], text)


def _event_id(data: dict[str, Any]) -> str | None:
    """The id that a refused event came with, if it can be one."""
    event_id = data.get("eventId")
    return event_id if isinstance(event_id, str) and 0 < len(event_id) <= limits.EVENT_ID_CHARS else None
