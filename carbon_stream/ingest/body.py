"""The bytes of a request's body: decoded, bounded in size, memory and time."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.limits import Limits, Room, unavailable

__all__ = ["ENCODINGS", "Body"]

ENCODINGS: Final = ("identity", "gzip")
"""Content encodings that are accepted, as RFC 9110 names them."""

_STEP_BYTES: Final = 1 << 20
"""Decompressed at a time: bounds what one compressed chunk can blow up to before the limit is looked at."""
_MEMBERS_MAX: Final = 10_000
"""Gzip members in one body: each costs a copy of what follows, and an empty one takes 20 bytes."""


class Body:
    """Reads one request's body within the limits, and holds its bytes in `room` until left.

        async with Body(request, limits, room) as body:
            data = await body.read()

    Raises ProblemError: 400 (not what its encoding says), 408 (too slow), 413 (too large), 415 (unknown encoding),
    503 (no room).
    """

    def __init__(self, request: web.BaseRequest, limits: Limits, room: Room) -> None:
        self._request = request
        self._limits = limits
        self._room = room
        self._held = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give(self._held)
        self._held = 0

    async def read(self) -> bytes:
        """The whole body, decompressed."""
        encoded = _is_encoded(self._request)
        length = self._request.content_length
        if length is not None and length > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        try:
            if not encoded and self._request.content.is_eof():
                return self._arrived()
            return await self._collect(encoded)
        except TimeoutError:
            detail = f"the body was not complete after {self._limits.body_timeout_s:g} s"
            raise ProblemError(408, "Request timeout", detail, headers={"Connection": "close"}) from None
        except (web.RequestPayloadError, BadHttpMessage) as error:
            raise ProblemError(400, "Body not readable", f"the body could not be read: {error}") from error

    def _arrived(self) -> bytes:
        """A small body that came together with its head: nothing to wait for."""
        data = self._request.content.read_nowait()
        if len(data) > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        self._hold(len(data))
        return data

    async def _collect(self, encoded: bool) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._limits.body_timeout_s):
            async for chunk in self._decoded() if encoded else self._sent():
                size += len(chunk)
                if size > self._limits.body_bytes:
                    raise _too_large(self._limits.body_bytes)
                self._hold(len(chunk))
                chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _hold(self, size: int) -> None:
        if not self._room.take(size):
            raise unavailable("too much is in work already; nothing of this request was taken")
        self._held += size

    async def _sent(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive, bounded also where they come compressed."""
        content = self._request.content
        size = 0
        while chunk := await content.readany():
            size += len(chunk)
            if size > self._limits.body_bytes:
                raise _too_large(self._limits.body_bytes)
            yield chunk

    async def _decoded(self) -> AsyncIterator[bytes]:
        """Gzip (RFC 1952, any number of members), decompressed in bounded steps."""
        decoder = zlib.decompressobj(wbits=31)
        members, begun = 1, False
        async for chunk in self._sent():
            pending = chunk
            while pending:
                if decoder.eof:
                    members += 1
                    if members > _MEMBERS_MAX:
                        raise _not_gzip(f"more than {_MEMBERS_MAX:,} gzip members")
                    decoder = zlib.decompressobj(wbits=31)
                begun = True
                try:
                    piece = decoder.decompress(pending, _STEP_BYTES)
                except zlib.error as error:
                    raise _not_gzip(str(error)) from None
                pending = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                if piece:
                    yield piece
                if len(piece) == _STEP_BYTES:
                    await asyncio.sleep(0)  # other requests have their turn while this one is blown up
            while not decoder.eof and (piece := decoder.decompress(b"", _STEP_BYTES)):
                yield piece
        if begun and not decoder.eof:
            raise _not_gzip("it ends too early")


def _is_encoded(request: web.BaseRequest) -> bool:
    """Whether the body is gzip that is ours to decompress; refuses unknown and repeated encodings."""
    if "Content-Encoding" not in request.headers:
        return False
    named = [name.strip().lower() for name in ",".join(request.headers.getall("Content-Encoding")).split(",")]
    codings = [name for name in named if name not in ("", "identity")]
    if not codings:
        return False
    if codings not in (["gzip"], ["x-gzip"]):
        detail = f"Content-Encoding {', '.join(codings)[:100]!r} is not accepted; send {' or '.join(ENCODINGS)}"
        headers = {"Accept-Encoding": ", ".join(reversed(ENCODINGS))}
        raise ProblemError(415, "Unsupported content encoding", detail, headers=headers)
    # A server that was started without `auto_decompress=False` has decompressed already; aiohttp marks it so, except
    # on the reader of a body that is not there.
    return getattr(request.content, "total_compressed_bytes", None) is None


def _too_large(body_bytes: int) -> ProblemError:
    detail = f"a body may have {body_bytes:,} bytes, compressed and decompressed; send the events in several requests"
    return ProblemError(413, "Content too large", detail)


def _not_gzip(why: str) -> ProblemError:
    return ProblemError(400, "Body not readable", f"the body is not what Content-Encoding: gzip says: {why}")
