"""The bytes of a request's body: decoded, bounded in size, memory and time."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.encodings import DECODERS, ENCODINGS, STEP_BYTES, Damaged
from carbon_stream.ingest.limits import Limits, Room, unavailable

__all__ = ["Body"]


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
        coding = _coding(self._request)
        length = self._request.content_length
        if length is not None and length > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        try:
            if coding is None and self._request.content.is_eof():
                return self._arrived()
            return await self._collect(coding)
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

    async def _collect(self, coding: str | None) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._limits.body_timeout_s):
            async for chunk in self._decoded(coding) if coding else self._sent():
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

    async def _decoded(self, coding: str) -> AsyncIterator[bytes]:
        """Decompressed in bounded steps."""
        decoder = DECODERS[coding]()
        try:
            async for chunk in self._sent():
                for piece in decoder.pieces(chunk):
                    yield piece
                    if len(piece) >= STEP_BYTES:
                        await asyncio.sleep(0)  # other requests have their turn while this one is blown up
            decoder.finish()
        except Damaged as error:
            detail = f"the body is not what Content-Encoding: {coding} says: {error}"
            raise ProblemError(400, "Body not readable", detail) from None


def _coding(request: web.BaseRequest) -> str | None:
    """The coding that is ours to decompress, if any; refuses unknown and repeated ones."""
    if "Content-Encoding" not in request.headers:
        return None
    named = [name.strip().lower() for name in ",".join(request.headers.getall("Content-Encoding")).split(",")]
    codings = [name for name in named if name not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in DECODERS:
        given = ", ".join(codings)[:100]
        detail = f"Content-Encoding {given!r} is not accepted; send one of {', '.join(ENCODINGS)}"
        headers = {"Accept-Encoding": ", ".join(ENCODINGS)}
        raise ProblemError(415, "Unsupported content encoding", detail, headers=headers)
    # A server that was started without `auto_decompress=False` has decompressed already; aiohttp marks it so, except
    # on the reader of a body that is not there.
    return codings[0] if getattr(request.content, "total_compressed_bytes", None) is None else None


def _too_large(body_bytes: int) -> ProblemError:
    detail = f"a body may have {body_bytes:,} bytes, compressed and decompressed; send the events in several requests"
    return ProblemError(413, "Content too large", detail)
