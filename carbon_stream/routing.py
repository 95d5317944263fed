"""From an event to its record on Kafka: topic, key, what picks the partition, and headers. Pure.

The partition is the Java client's (and aiokafka's) choice, murmur2 of the key, because deduplication recognises a
repeat only on the partition where the first one is. An event without a key goes by its eventId: that spreads keyless
events evenly and still brings a repeat to the same partition.
"""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from aiokafka.partitioner import murmur2

from carbon_stream.contracts.catalog import Topic

__all__ = ["Header", "Record", "cloudevent_headers", "partition_of", "record_of"]

Header = tuple[str, bytes]

_YEAR_10000_MS: Final = 253_402_300_800_000
_URI_REFERENCE: Final = "!#$%&'()*+,-./:;=?@[]_~"
"""What RFC 3986 allows in a URI reference beside letters and digits; CloudEvents' `source` is one."""
_SHORT_KEY_BYTES: Final = 128
_FIXED: Final[tuple[Header, ...]] = (("ce_specversion", b"1.0"), ("content-type", b"application/json"))


class Record(NamedTuple):
    """An event ready for Kafka. `spread` is what picks the partition: the key, or the eventId where there is none."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[Header]
    spread: bytes
    timestamp: int
    """Time of receipt in ms, the record's timestamp where a topic does not take the broker's."""

    @property
    def size(self) -> int:
        """Bytes that the record takes in memory, with its headers estimated generously."""
        return len(self.value) + len(self.spread) + 512


def record_of(
    topic: Topic,
    data: Mapping[str, Any],
    value: bytes,
    received_at: int,
    traceparent: bytes | None,
    more: tuple[Header, ...] = (),
) -> Record:
    """The record of a valid and enriched event; `value` is its JSON.

    Headers are those of a CloudEvent, and `traceparent` (W3C) where there is one, then `more`. An event whose time
    RFC 3339 cannot say has no `ce_time`.
    """
    event_id = data["eventId"].encode()
    key = topic.key(data)
    key_bytes = key.encode() if key is not None else None
    headers = cloudevent_headers(data)
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    headers += more
    return Record(topic.name, key_bytes, value, headers, key_bytes or event_id, received_at)


def cloudevent_headers(data: Mapping[str, Any]) -> list[Header]:
    """The headers that make a record a CloudEvent in Kafka's binary mode (CloudEvents Kafka protocol binding 1.0.2)."""
    headers = [("ce_id", data["eventId"].encode()), _type(data["eventType"]), _source(data["source"]), *_FIXED]
    timestamp = int(data["timestamp"])
    if timestamp < _YEAR_10000_MS:
        headers.append(("ce_time", b"%s.%03dZ" % (_second(timestamp // 1000), timestamp % 1000)))
    return headers


def partition_of(spread: bytes, partitions: int) -> int:
    """The partition, as the Java client's default partitioner picks it for a key."""
    hashed = _hash_short(spread) if len(spread) <= _SHORT_KEY_BYTES else int(murmur2(spread))
    return (hashed & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=16_384)  # keys are entities and come again; murmur2 in Python takes microseconds
def _hash_short(spread: bytes) -> int:
    return int(murmur2(spread))


@lru_cache(maxsize=64)
def _type(event_type: str) -> Header:
    return "ce_type", event_type.encode()


@lru_cache(maxsize=1_024)
def _source(source: str) -> Header:
    return "ce_source", quote(source, safe=_URI_REFERENCE).encode()


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
