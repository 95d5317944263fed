"""CloudEvents that producers write to our topics themselves, in the modes of the Kafka protocol binding (1.0.2). Pure.

Structured mode: the header `content-type` is `application/cloudevents+json`, the value is the whole event. Binary mode:
attributes are headers `ce_…` in UTF-8, the value is the data. The records that the service writes are in binary mode as
well, with the contract's whole envelope in the data, so that they are read without a look at their headers.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.cloudevents import Errors, composed, refuse
from carbon_stream.contracts.cloudevents_json import STRUCTURED, parts, refused
from carbon_stream.contracts.codec import Invalid, StreamEvent, decoder

__all__ = ["mentions", "read", "translate"]

_PREFIX: Final = "ce_"

Header = tuple[str, bytes | None] | tuple[str, bytes]
"""Kafka lets a header have no value, whatever its clients declare."""


class Record(Protocol):
    """What is used of a record."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


def read(topic: str, record: Record) -> tuple[StreamEvent, bytes]:
    """The event of a record, as agents count it, and its text as the contract writes it. Invalid where there is none.

    The agents' own stage does the same (`streaming.sorting`), so that what is counted can be found.
    """
    decode, text = decoder(topic), record.value
    try:
        event = decode(text)
    except Invalid:
        text = translate(record)
        if text is None:
            raise
        return decode(text), text
    if event.event_id is None and (said := translate(record)) is not None:
        return decode(said), said
    return event, text or b""


def translate(record: Record) -> bytes | None:
    """A CloudEvent's record as the contract writes its event; None for a record that is not marked as one.

    To be asked of what does not decode, or has no id: records of ours are marked too, and say all in their values.
    Raises Invalid for what is marked as a CloudEvent and is none that can be taken.
    """
    value, headers = record.value, record.headers or ()
    if value is None:
        return None
    named = {name.lower(): text or b"" for name, text in headers}
    if named.get("content-type", b"").lower().startswith(STRUCTURED.encode()):
        attributes, payload = parts(value, limits.RECORD_BYTES)
    elif "ce_specversion" in named and "ce_type" in named:
        attributes = _attributes(headers)
        payload = codec.parse(value, max_bytes=limits.RECORD_BYTES) if value else {}
    else:
        return None
    errors: Errors = []
    data = composed(attributes, payload, errors)
    if errors:
        raise refuse(attributes, errors)
    return codec.encode(data)


def mentions(record: Record, text: str, written: bytes) -> bool:
    """Whether a record may have this text as one of its values, `written` as JSON has it: a look at bytes, no more."""
    if written in (record.value or b""):
        return True
    plain = text.encode(errors="replace")
    return any(content is not None and plain in content for name, content in record.headers or ())


def _attributes(headers: Iterable[Header]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, text in headers:
        attribute = _attribute(name.lower())
        if attribute is None or text is None:
            continue
        if attribute in attributes:
            raise refused(f"/{attribute[:100]}", "repeated", f"the header {name[:100]} is there twice", None)
        try:
            attributes[attribute] = text.decode()
        except UnicodeDecodeError:
            raise refused(f"/{attribute[:100]}", "not-utf8", "an attribute's header is UTF-8", None) from None
    return attributes


def _attribute(header: str) -> str | None:
    """What a header says, if it is one of the event's."""
    if header == "content-type":
        return "datacontenttype"
    return header[len(_PREFIX) :] if header.startswith(_PREFIX) else None
