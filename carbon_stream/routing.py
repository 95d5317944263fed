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
from msgspec import UNSET

from carbon_stream.contracts.catalog import Topic
from carbon_stream.contracts.plain import PlainEvent, key_of, topic_of

__all__ = ["Header", "Record", "cloudevent_headers", "partition_of", "plain_record", "record_of"]

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
    key, headers = topic.key(data), cloudevent_headers(data)
    return _record(topic, key, headers, value, received_at, traceparent, more)


def plain_record(
    event: PlainEvent, value: bytes, received_at: int, traceparent: bytes | None, more: tuple[Header, ...] = ()
) -> Record:
    """The same of a plain event whose envelope is complete."""
    topic = topic_of(event)
    assert event.event_id is not UNSET
    assert event.timestamp is not UNSET
    headers = _cloudevent_headers(event.event_id, topic.event_type, event.source, event.timestamp)
    return _record(topic, key_of(event), headers, value, received_at, traceparent, more)


def _record(
    topic: Topic,
    key: str | None,
    headers: list[Header],
    value: bytes,
    received_at: int,
    traceparent: bytes | None,
    more: tuple[Header, ...],
) -> Record:
    key_bytes = None if key is None else key.encode()
    spread = headers[0][1] if key_bytes is None else key_bytes  # the first one is the id
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    if more:
        headers += more
    return Record(topic.name, key_bytes, value, headers, spread, received_at)


def cloudevent_headers(data: Mapping[str, Any]) -> list[Header]:
    """The headers that make a record a CloudEvent in Kafka's binary mode (CloudEvents Kafka protocol binding 1.0.2)."""
    return _cloudevent_headers(data["eventId"], data["eventType"], data["source"], int(data["timestamp"]))


def _cloudevent_headers(event_id: str, event_type: str, source: str, timestamp: int) -> list[Header]:
    headers = [("ce_id", event_id.encode()), *_sent_by(event_type, source)]
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


@lru_cache(maxsize=1_024)
def _sent_by(event_type: str, source: str) -> tuple[Header, ...]:
    return ("ce_type", event_type.encode()), ("ce_source", quote(source, safe=_URI_REFERENCE).encode()), *_FIXED


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
