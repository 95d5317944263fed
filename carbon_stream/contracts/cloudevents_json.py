"""CloudEvents in the JSON event format (1.0.2): attributes and data out of one JSON text. Pure."""

import base64
import binascii
import re
from typing import Any, Final

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.cloudevents import known_id
from carbon_stream.contracts.invalid import INVALID, FieldError, Invalid, Refused
from carbon_stream.contracts.json_text import describe
from carbon_stream.contracts.scalars import integral

__all__ = ["STRUCTURED", "parts", "refused"]

STRUCTURED: Final = "application/cloudevents+json"
_DATA: Final = ("data", "data_base64")
_JSON: Final = re.compile(r"(?:application|text)/(?:json|[^\s;/]+\+json)", re.IGNORECASE)
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?(?P<name>[^\s";]*)', re.IGNORECASE)
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})


def parts(raw: bytes, max_bytes: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and data of an event in structured mode. Raises Invalid with pointers into its JSON."""
    document = codec.parse(raw, max_bytes=max_bytes, max_nesting=limits.NESTING + 1)
    attributes: dict[str, Any] = {
        name: integral(value) for name, value in document.items() if name not in _DATA and value is not None
    }
    kind = attributes.get("datacontenttype")
    given = [name for name in _DATA if document.get(name) is not None]
    event_id = attributes["id"] if isinstance(attributes.get("id"), str) else None
    if len(given) > 1:
        raise refused("/data_base64", "conflict", "stands beside data; an event has one of the two", event_id)
    if isinstance(kind, str) and given and not _is_json(kind):
        raise refused("/datacontenttype", "content", "the data must be JSON in UTF-8", event_id)
    at = f"/{given[0]}" if given else "/data"
    value = document.get(at[1:])
    if at == "/data_base64":
        value = _decoded(value, max_bytes, event_id)
    elif value is not None and not isinstance(value, dict):
        raise refused(at, "type", f"must be an object, not {describe(value)}", event_id)
    return attributes, value or {}


def _decoded(value: Any, max_bytes: int, event_id: str | None) -> dict[str, Any]:
    at = "/data_base64"
    if not isinstance(value, str):
        raise refused(at, "type", f"must be a string, not {describe(value)}", event_id)
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise refused(at, "base64", "is not base64 (RFC 4648)", event_id) from None
    try:
        return codec.parse(raw, max_bytes=max_bytes)
    except Invalid as error:
        raise Refused(INVALID, tuple(FieldError(at, e.type, e.message) for e in error.errors), event_id) from None


def _is_json(kind: str) -> bool:
    charset = _CHARSET.search(kind)
    right = charset is None or charset["name"].lower() in _CHARSETS
    return right and _JSON.fullmatch(kind.partition(";")[0].strip()) is not None


def refused(pointer: str, kind: str, message: str, event_id: str | None) -> Refused:
    """An event with this id as refused for one thing."""
    return Refused(INVALID, (FieldError(pointer, kind, message),), known_id(event_id))
