"""From raw events to records: parse, validate, enrich, route, in one pass. Pure but for the clock in its origin."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

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

__all__ = ["NOT_JSON_REASONS", "Checked", "Judged", "Pipeline", "Valid"]

NOT_JSON_REASONS: Final = frozenset({"empty", "not-utf8", "not-json"})
"""Reasons that make a whole body not JSON, where the event is the body."""


class Valid(NamedTuple):
    """A valid event. `mark` is what a repeat of it is recognised by: None for one that came without an id."""

    record: Record
    event_id: str
    mark: Mark | None


Judged = Valid | Rejected | None
"""What the check of an event gives: None for one that is to be skipped."""


class Checked:
    """Events in order: each is valid, or has a rejection, or is skipped.

    Of valid ones, `places` says for each record which event it is of; ids and marks are those of `Valid`.
    """

    __slots__ = ("event_ids", "marks", "places", "records", "rejections", "skipped")

    def __init__(self) -> None:
        self.rejections: dict[int, Rejected] = {}
        self.records: list[Record] = []
        self.event_ids: list[str] = []
        self.places: list[int] = []
        self.marks: list[Mark | None] = []
        self.skipped: list[int] = []

    def put(self, place: int, judged: Judged) -> None:
        """Keeps what the check of the event at a place has given."""
        if isinstance(judged, Valid):
            record, event_id, mark = judged
            self.records.append(record)
            self.event_ids.append(event_id)
            self.places.append(place)
            self.marks.append(mark)
        elif judged is None:
            self.skipped.append(place)
        else:
            self.rejections[place] = judged


class Pipeline:
    """Checks and enriches the events of one request; `read` knows how its sender writes them."""

    __slots__ = (
        "_enrichment",
        "_event_bytes_max",
        "_event_id",
        "_read",
        "_received_at",
        "_record_bytes_max",
        "_scrutiny",
        "_seen",
        "_traceparent",
        "_tracestate",
    )

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
        """Records and rejections for raw events, the next ones of the request."""
        checked, check_one = Checked(), self.check_one
        count = 0
        for raw in raw_events:
            checked.put(count, check_one(raw, count))
            count += 1
        self._seen += count
        return checked

    def begin_again(self) -> None:
        """The same events are checked once more, from the first."""
        self._seen = 0

    def check_one(self, raw: bytes, place: int = 0) -> Judged:
        """The same for one of them, so many places further; one that is plain without a dictionary in between."""
        if self._read is read_native and len(raw) <= self._event_bytes_max:
            event = plain.read(raw)
            if event is not None:
                return self._judge_plain(event, place)
        try:
            arrival = self._read(raw, self._event_bytes_max)
        except Invalid as error:
            event_id = error.event_id if isinstance(error, Refused) else None
            return Rejected(event_id, False, error.reason, error.errors)
        except NoEvent:
            return None
        return self.judge(arrival, place)

    def _judge_plain(self, event: PlainEvent, place: int) -> Valid | Rejected:
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
            return Rejected(event_id, False, error.reason, error.errors)
        assert event.event_id is not UNSET
        record = plain_record(event, value, self._received_at, self._traceparent, self._tracestate)
        return Valid(record, event.event_id, mark)

    def judge(self, arrival: Arrival, place: int) -> Valid | Rejected:
        """A record or a rejection for one event that has been read."""
        data = arrival.data
        if self._event_id is not None and data.get("eventId") is None:
            data["eventId"] = self._event_id(self._seen + place)
        try:
            return self._valid(data, arrival.trace, arrival.headers)
        except Invalid as error:
            errors = error.errors
            if arrival.relocate is not None:
                errors = tuple(FieldError(arrival.relocate(e.pointer), e.type, e.message) for e in errors)
            return Rejected(_event_id(data), False, error.reason, errors)

    def _valid(self, data: dict[str, Any], trace: TraceParent | None, headers: tuple[tuple[str, bytes], ...]) -> Valid:
        topic = codec.accept(data)
        self._scrutiny.look(topic, data)
        mark = None if data.get("eventId") is None else _mark_of(data)
        self._enrichment.apply(topic, data, trace)
        value = codec.encode(data)
        self._check_size(value)
        if trace is not None:
            record = record_of(topic, data, value, self._received_at, str(trace).encode(), headers)
        else:
            record = record_of(topic, data, value, self._received_at, self._traceparent, self._tracestate + headers)
        return Valid(record, data["eventId"], mark)

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
