"""The modes in which CloudEvents travel: structured and batched as JSON, binary with attributes in headers.

JSON event format 1.0.2 and HTTP protocol binding 1.0.2. In binary mode the body is the data; its `ce-` headers are
percent-encoded where they go beyond printable ASCII.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from carbon_stream.contracts import codec
from carbon_stream.contracts.cloudevents_json import STRUCTURED, parts, refused
from carbon_stream.contracts.invalid import NOT_AN_OBJECT, Invalid, Refused
from carbon_stream.ingest.formats.cloudevents import event_of
from carbon_stream.ingest.formats.reading import Arrival, Reader

__all__ = ["BATCH", "STRUCTURED", "binary_reader", "is_binary", "read_structured"]

BATCH: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"
_BINARY: Final = frozenset({"ce-specversion", "ce-id", "ce-type", "ce-source"})

Header = tuple[str, str]


def read_structured(raw: bytes, max_bytes: int) -> Arrival:
    """An event in structured mode. Raises Invalid with pointers into its JSON."""
    attributes, payload = parts(raw, max_bytes)
    return event_of(attributes, payload, "/data")


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
            raise refused(f"/{repeated[0]}", "repeated", f"the header ce-{repeated[0]} is there twice", event_id)
        if "data" in attributes or "data_base64" in attributes:
            raise refused("", "name", "data is the body in binary mode, never a header", event_id)
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
