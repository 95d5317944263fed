"""CloudEvents that producers write to our topics themselves, in the modes of the Kafka protocol binding (1.0.2). Pure.

Structured mode: the header `content-type` is `application/cloudevents+json`, the value is the whole event. Binary mode:
attributes are headers `ce_…` in UTF-8, the value is the data. The records that the service writes are in binary mode as
well, with the contract's whole envelope in the data, so that they can be read without a look at their headers.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.cloudevents import Errors, composed, refuse
from carbon_stream.contracts.cloudevents_json import STRUCTURED, parts, refused

__all__ = ["as_native", "native", "translate"]

_PREFIX: Final = "ce_"
_ENVELOPE: Final = (b'"eventType"', b'"eventId"')
_STRUCTURED_ONLY: Final = b'"specversion"'

Header = tuple[str, bytes | None] | tuple[str, bytes]
"""Kafka lets a header have no value, whatever its clients declare."""


class Record(Protocol):
    """What is used of a record."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


def translate(record: Record) -> bytes | None:
    """`native` for the agents, which ask only where a value does not decode, or has no id."""
    return native(record.value, record.headers)


def as_native(record: Record) -> bytes | None:
    """A record's value as the contract writes it, whichever way it is said on the topic. Raises Invalid as `native`."""
    text = native(record.value, record.headers)
    return record.value if text is None else text


def native(value: bytes | None, headers: Sequence[Header] | None, max_bytes: int = limits.RECORD_BYTES) -> bytes | None:
    """A record's value as the contract writes it, made of a CloudEvent; None where the value says all by itself.

    Raises Invalid for what is marked as a CloudEvent and is none that can be taken.
    """
    if value is None or (_STRUCTURED_ONLY not in value and all(field in value for field in _ENVELOPE)):
        return None  # nearly all records: told by their bytes, at the price of three searches
    named = {name.lower(): text or b"" for name, text in headers or ()}
    content_type = named.get("content-type", b"")
    if content_type.lower().startswith(STRUCTURED.encode()):
        attributes, payload = parts(value, max_bytes)
    elif "ce_specversion" in named and "ce_type" in named:
        attributes = _attributes(headers or ())
        payload = codec.parse(value, max_bytes=max_bytes) if value else {}
    else:
        return None
    errors: Errors = []
    data = composed(attributes, payload, errors)
    if errors:
        raise refuse(attributes, errors)
    return codec.encode(data)


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
