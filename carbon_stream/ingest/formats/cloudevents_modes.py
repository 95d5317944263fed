"""The modes in which CloudEvents travel: structured and batched as JSON, binary with attributes in headers.

JSON event format 1.0.2 and HTTP protocol binding 1.0.2. In binary mode the body is the data; its `ce-` headers are
percent-encoded where they go beyond printable ASCII.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.contracts.invalid import INVALID, NOT_AN_OBJECT
from carbon_stream.contracts.json_text import describe
from carbon_stream.contracts.scalars import integral
from carbon_stream.ingest.formats.cloudevents import event_of
from carbon_stream.ingest.formats.reading import Arrival, Reader, Refused

__all__ = ["BATCH", "STRUCTURED", "binary_reader", "is_binary", "read_structured"]

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"
_BINARY: Final = frozenset({"ce-specversion", "ce-id", "ce-type", "ce-source"})
_DATA: Final = ("data", "data_base64")
_JSON: Final = re.compile(r"(?:application|text)/(?:json|[^\s;/]+\+json)", re.IGNORECASE)
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?(?P<name>[^\s";]*)', re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})

Header = tuple[str, str]


def read_structured(raw: bytes, max_bytes: int) -> Arrival:
    """An event in structured mode. Raises Invalid with pointers into its JSON."""
    document = codec.parse(raw, max_bytes=max_bytes, max_nesting=limits.NESTING + 1)
    attributes: dict[str, Any] = {
        name: integral(value) for name, value in document.items() if name not in _DATA and value is not None
    }
    kind = attributes.get("datacontenttype")
    given = [name for name in _DATA if document.get(name) is not None]
    event_id = attributes["id"] if isinstance(attributes.get("id"), str) else None
    if len(given) > 1:
        raise _refused("/data_base64", "conflict", "stands beside data; an event has one of the two", event_id)
    if isinstance(kind, str) and given and not _is_json(kind):
        raise _refused("/datacontenttype", "content", "the data must be JSON in UTF-8", event_id)
    at = f"/{given[0]}" if given else "/data"
    value = document.get(at[1:])
    if at == "/data_base64":
        value = _decoded(value, max_bytes, event_id)
    elif value is not None and not isinstance(value, dict):
        raise _refused(at, "type", f"must be an object, not {describe(value)}", event_id)
    return event_of(attributes, value or {}, "/data")


def _decoded(value: Any, max_bytes: int, event_id: str | None) -> dict[str, Any]:
    at = "/data_base64"
    if not isinstance(value, str):
        raise _refused(at, "type", f"must be a string, not {describe(value)}", event_id)
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(at, "base64", "is not base64 (RFC 4648)", event_id) from None
    try:
        return codec.parse(raw, max_bytes=max_bytes)
    except Invalid as error:
        raise Refused(INVALID, tuple(FieldError(at, e.type, e.message) for e in error.errors), event_id) from None


def is_binary(headers: Iterable[str]) -> bool:
    """Whether a request's headers (their names) are those of an event in binary mode."""
    return not _BINARY.isdisjoint(map(str.lower, headers))  # asked of every request


def binary_reader(headers: Iterable[Header], content_type: str | None) -> Reader:
    """The reader of a body that is the data of an event whose attributes are in these headers.

    Its pointers go into the body; for attributes they are "/" and the attribute's name.
    """
    attributes: dict[str, Any] = {}
    repeated: list[str] = []
    for name, value in headers:
        if name.lower().startswith(_PREFIX):
            attribute = name[len(_PREFIX) :].lower()
            if attribute in attributes:
                repeated.append(attribute)
            attributes[attribute] = _unescaped(value)
    if content_type is not None:
        attributes["datacontenttype"] = content_type

    def read(raw: bytes, max_bytes: int) -> Arrival:
        event_id = attributes.get("id") or None
        if repeated:
            raise _refused(f"/{repeated[0]}", "repeated", f"the header ce-{repeated[0]} is there twice", event_id)
        if "data" in attributes or "data_base64" in attributes:
            raise _refused("", "name", "data is the body in binary mode, never a header", event_id)
        try:
            payload = codec.parse(raw, max_bytes=max_bytes) if raw else {}
        except Invalid as error:
            if error.reason != NOT_AN_OBJECT:
                raise
            raise Refused(error.reason, error.errors, event_id) from None
        return event_of(attributes, payload, "")

    return read


def _unescaped(value: str) -> str:
    value = value.strip(" \t")
    if value.startswith('"') and value.endswith('"') and len(value) > 1:  # a quoted-string, which receivers must take
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    text = unquote(value, errors="replace")
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_json(kind: str) -> bool:
    charset = _CHARSET.search(kind)
    right = charset is None or charset["name"].lower() in _CHARSETS
    return right and _JSON.fullmatch(kind.partition(";")[0].strip()) is not None


def _refused(pointer: str, kind: str, message: str, event_id: str | None) -> Refused:
    known = event_id if event_id is not None and 0 < len(event_id) <= limits.EVENT_ID_CHARS else None
    return Refused(INVALID, (FieldError(pointer, kind, message),), known)
