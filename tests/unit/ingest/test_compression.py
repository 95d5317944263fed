"""Batches are compressed by LZ4's fast level, and read back as they were."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from aiokafka.codec import lz4_decode
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.ingest.compression import BUILDERS, compress_fast, lz4_fast

LZ4 = 3


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    modules: list[Any] = [import_module(name) for name in BUILDERS]
    before = [module.lz4_encode for module in modules]  # fails where aiokafka compresses elsewhere
    yield
    for module, encode in zip(modules, before, strict=True):
        module.lz4_encode = encode


def built(values: list[bytes]) -> bytes:
    builder = BatchBuilder(1 << 20, LZ4)
    for value in values:
        assert builder.append(timestamp=1, key=b"k", value=value, headers=[("h", b"v")]) is not None
    builder.close()
    return bytes(builder._build())


def test_what_aiokafka_builds_is_compressed_by_us_and_reads_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [b'{"eventId": "%d", "service": "trino", "endpoint": "/v1/statement"}' % n for n in range(500)]
    asked: list[int] = []

    def counted(payload: bytes) -> bytes:
        asked.append(len(payload))
        return lz4_fast(payload)

    monkeypatch.setattr("carbon_stream.ingest.compression.lz4_fast", counted)
    compress_fast()
    batch = built(values)
    assert len(asked) == 1
    assert len(batch) < asked[0] / 2
    record_batch = MemoryRecords(batch).next_batch()
    assert record_batch.validate_crc()
    assert [record.value for record in record_batch] == values


@given(st.binary(max_size=200_000))
def test_any_bytes_come_back(payload: bytes) -> None:
    assert lz4_decode(lz4_fast(payload)) == payload
