"""Each content encoding: what it decodes, in which steps, and what it refuses."""

import contextlib
import gzip
import sys
import zlib
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import brotli
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.ingest.encodings import DECODERS, ENCODINGS, STEP_BYTES, Damaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OpenDoor = Callable[..., Awaitable[Any]]
MakeEvent = Callable[..., dict[str, Any]]


def bare_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "stored deflate": ("deflate", lambda data: b"\x01%b%b" % (_stored(len(data)), data)),
    "zstd": ("zstd", zstd.compress),
    "br": ("br", brotli.compress),
}


def _stored(size: int) -> bytes:
    return size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")


def decode(coding: str, *chunks: bytes) -> bytes:
    decoder = DECODERS[coding]()
    decoded = b"".join(piece for chunk in chunks for piece in decoder.pieces(chunk))
    decoder.finish()
    return decoded


def test_every_coding_that_is_told_is_decoded() -> None:
    assert set(ENCODINGS) - {"identity"} == set(DECODERS) - {"x-gzip"}


@pytest.mark.parametrize("way", WAYS)
@given(data=st.binary(max_size=2_000), cuts=st.lists(st.integers(0, 3_000), max_size=4))
def test_any_data_in_any_chunks(way: str, data: bytes, cuts: list[int]) -> None:
    coding, compress = WAYS[way]
    packed = compress(data)
    places = [0, *sorted(cuts), len(packed)]
    assert decode(coding, *(packed[a:b] for a, b in pairwise(places))) == data


@pytest.mark.parametrize("way", WAYS)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_decoded_or_damaged(way: str, data: bytes) -> None:
    with contextlib.suppress(Damaged):
        decode(WAYS[way][0], data)


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"stored deflate"}))
def test_steps_are_bounded_however_far_a_chunk_blows_up(way: str) -> None:
    coding, compress = WAYS[way]
    decoder = DECODERS[coding]()
    sizes = [len(piece) for piece in decoder.pieces(compress(bytes(40 * STEP_BYTES)))]
    decoder.finish()
    assert sum(sizes) == 40 * STEP_BYTES
    assert max(sizes) <= 2 * STEP_BYTES
    assert min(sizes) > 0


@pytest.mark.parametrize("way", WAYS)
def test_what_is_cut_off_is_damaged(way: str) -> None:
    coding, compress = WAYS[way]
    packed = compress(bytes(range(256)) * 8)
    for end in {1, 2, 3, 4, 5, len(packed) // 2, len(packed) - 1}:
        with pytest.raises(Damaged):
            decode(coding, packed[:end])


@pytest.mark.parametrize("way", WAYS)
def test_what_follows_the_end_is_damaged(way: str) -> None:
    coding, compress = WAYS[way]
    for more in (b"x", b"{}", b"more than a header"):
        with pytest.raises(Damaged):
            decode(coding, compress(b"{}") + more)
        with pytest.raises(Damaged):
            decode(coding, compress(b"{}"), more)


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_parts_one_after_the_other_are_one_body(coding: str, compress: Callable[[bytes], bytes]) -> None:
    assert decode(coding, compress(b"a") + compress(b"b"), compress(b"c")) == b"abc"
    with pytest.raises(Damaged):
        decode(coding, compress(b"") * 10_001)


def test_a_zstd_window_beyond_what_http_allows_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    packed = compressor.compress(bytes(16 << 20)) + compressor.flush()
    with pytest.raises(Damaged):
        decode("zstd", packed)


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"stored deflate"}))
async def test_an_encoded_batch_is_taken(open_door: OpenDoor, event: MakeEvent, way: str) -> None:
    door = await open_door()
    coding, compress = WAYS[way]
    body = compress(orjson.dumps([event(eventId=str(n)) for n in range(100)]))
    status, answer, _ = await door.post(body, Content_Encoding=coding.upper())
    assert (status, answer["accepted"]) == (202, 100)
    assert (await door.post(body[:-1], Content_Encoding=coding))[0] == 400
    assert door.ingest.room.used == 0


@pytest.mark.parametrize("way", sorted(WAYS.keys() - {"stored deflate"}))
async def test_a_bomb_is_413_and_holds_nothing(open_door: OpenDoor, way: str) -> None:
    door = await open_door(max_body_bytes=1 << 20, max_pending_bytes=4 << 20)
    coding, compress = WAYS[way]
    bomb = compress(bytes(64 << 20))
    assert len(bomb) < 1 << 20
    assert (await door.post(bomb, Content_Encoding=coding))[0] == 413
    assert door.ingest.room.used == 0


@pytest.mark.parametrize("coding", ["deflate", "zstd", "br"])
async def test_a_server_that_decompresses_itself_is_understood(
    open_door: OpenDoor, event: MakeEvent, coding: str
) -> None:
    door = await open_door(auto_decompress=True)
    body = WAYS[coding][1](orjson.dumps(event()))
    assert (await door.post(body, Content_Encoding=coding))[0] == 202
