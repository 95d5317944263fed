"""A record as the spool keeps it: MessagePack with a checksum, since SQLite has none over its pages. Pure."""

from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from carbon_stream.routing import Header, Record, partition_of

__all__ = ["Row", "Strand", "Unreadable", "decode", "encode", "strand_of"]

_STRANDS: Final = 840
"""Divisible by most numbers of partitions, so that a strand mostly stands on one partition; nothing depends on it."""

_DECODER: Final = msgspec.msgpack.Decoder(tuple[bytes | None, bytes, list[tuple[str, bytes]], bytes, int])


class Strand(NamedTuple):
    """Records of one topic that keep their order among each other."""

    topic: str
    number: int


class Row(NamedTuple):
    """A record in the spool. `maybe`: it was sent to Kafka before, and nobody knows whether it arrived."""

    seq: int
    strand: Strand
    maybe: bool
    record: Record


class Unreadable(ValueError):
    """Bytes that are not what was written."""


def strand_of(record: Record) -> Strand:
    """The strand of a record: the same for all records of a key."""
    return Strand(record.topic, partition_of(record.spread, _STRANDS))


def encode(record: Record) -> tuple[int, bytes]:
    """Checksum and bytes of a record, without its topic."""
    _, key, value, headers, spread, timestamp = record
    text = msgspec.msgpack.encode((key, value, headers, spread, timestamp))
    return crc32(text), text


def decode(topic: str, checksum: int, text: bytes) -> Record:
    """The record. Raises Unreadable."""
    if crc32(text) != checksum:
        raise Unreadable("its checksum is another")
    try:
        key, value, headers, spread, timestamp = _DECODER.decode(text)
    except msgspec.DecodeError as error:
        raise Unreadable(str(error)) from None
    given: list[Header] = headers
    return Record(topic, key, value, given, spread, timestamp)
