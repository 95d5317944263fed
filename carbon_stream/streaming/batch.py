"""A batch: what one fetch brought for one source partition, carried through Faust as one message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

HEADER_BYTES = 64
"""What a header is taken for. Those of CloudEvents have some 35 bytes, and three objects each in memory."""


class Record(Protocol):
    """A Kafka record as the client hands it out (aiokafka's `ConsumerRecord` is one)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Translated(NamedTuple):
    """A record whose event was said another way, with the value that decoders read: folds and routes see this one."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    original: Record


def translated(record: Record, value: bytes) -> Translated:
    """The record with another value."""
    return Translated(
        record.topic, record.partition, record.offset, record.timestamp, record.key, value, record.headers, record
    )


def as_written(record: Record) -> Record:
    """The record as it stands on its topic."""
    return record.original if isinstance(record, Translated) else record


class Batch(list[Record]):
    """Records of one partition in offset order, and how they follow on what was handed over before.

    `run` numbers an unbroken stretch of reading (a new one starts at each assignment and each seek) and only grows;
    `previous` is the offset of the last record handed over before this batch in the same run, None for its first.
    A receiver that sees `previous` differ from what it saw last knows that Faust has skipped something.
    """

    __slots__ = ("previous", "run")

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__(records)
        self.run = 0
        self.previous: int | None = None

    def size_bytes(self) -> int:
        """Bytes of keys and values, and a guess for each header, since counting those would cost time."""
        return sum([len(r.value or b"") + len(r.key or b"") + HEADER_BYTES * len(r.headers) for r in self])


class BatchMessage:
    """A batch dressed as the one Kafka record that Faust's consumer expects: its offset is that of its last record."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, batch: Batch) -> None:
        last: Any = batch[-1]
        self.topic: str = last.topic
        self.partition: int = last.partition
        self.offset: int = last.offset
        self.timestamp: int = last.timestamp
        self.timestamp_type: int = last.timestamp_type
        self.headers: tuple[tuple[str, bytes], ...] = ()
        self.key: bytes | None = None
        self.value = batch
        self.checksum: int | None = None
        self.serialized_key_size = 0
        self.serialized_value_size = 0
