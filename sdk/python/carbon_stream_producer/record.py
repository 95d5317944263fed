"""From a valid event to its Kafka record: topic, key, what picks the partition, CloudEvents headers. Pure.

The service routes what comes by HTTP in the same way, byte for byte; tests/contract/vectors holds both to it.
"""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

__all__ = ["Header", "Record", "record_of"]

Header = tuple[str, bytes]

_YEAR_10000_MS: Final = 253_402_300_800_000
_URI_REFERENCE: Final = "!#$%&'()*+,-./:;=?@[]_~"
_FIXED: Final[tuple[Header, ...]] = (("ce_specversion", b"1.0"), ("content-type", b"application/json"))


class Record(NamedTuple):
    """An event ready to be sent. `spread` picks the partition: the key, or the eventId where there is none."""

    event_id: str
    event_type: str
    topic: str
    key: bytes | None
    value: bytes
    headers: list[Header]
    spread: bytes
    traceparent: str | None


def record_of(
    event_type: str, topic: str, key: str | None, event: Mapping[str, Any], value: bytes, traceparent: str | None
) -> Record:
    """The record of an event whose envelope is whole; `value` is its JSON.

    Headers are those of a CloudEvent in Kafka's binary mode (CloudEvents Kafka protocol binding 1.0.2) and
    `traceparent` (W3C). An event whose time RFC 3339 cannot say has no `ce_time`.
    """
    event_id: str = event["eventId"]
    id_bytes = event_id.encode()
    headers: list[Header] = [("ce_id", id_bytes), _type(event_type), _source(event["source"]), *_FIXED]
    timestamp = int(event["timestamp"])
    if timestamp < _YEAR_10000_MS:
        headers.append(("ce_time", b"%s.%03dZ" % (_second(timestamp // 1000), timestamp % 1000)))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode("ascii")))
    key_bytes = None if key is None else key.encode()
    return Record(event_id, event_type, topic, key_bytes, value, headers, key_bytes or id_bytes, traceparent)


def key_of(fields: Sequence[str], event: Mapping[str, Any]) -> str | None:
    """The one key rule: the first of the fields that holds a non-empty string."""
    for name in fields:
        value = event.get(name)
        if isinstance(value, str) and value:
            return value
    return None


@lru_cache(maxsize=256)
def _type(event_type: str) -> Header:
    return "ce_type", event_type.encode()


@lru_cache(maxsize=256)
def _source(source: str) -> Header:
    return "ce_source", quote(source, safe=_URI_REFERENCE).encode()


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
