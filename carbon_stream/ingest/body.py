"""The bytes of a request's body: decoded, bounded in size, memory and time."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
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

        with Body(request, limits, room) as body:
            data = await body.read()

    or, for a body that may be long, its beginning and then the rest piece by piece, each in `room` until the next:

            data = await body.begin(1 << 20)
            async for piece in body.rest():
                ...

    Raises ProblemError: 400 (not what its encoding says), 408 (too slow), 413 (too large), 415 (unknown encoding),
    503 (no room).
    """

    __slots__ = ("_held", "_left_s", "_limits", "_pieces", "_request", "_room")

    def __init__(self, request: web.BaseRequest, limits: Limits, room: Room) -> None:
        self._request = request
        self._limits = limits
        self._room = room
        self._held = 0
        self._left_s = limits.body_timeout_s
        self._pieces: AsyncGenerator[bytes, None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._room.give(self._held)
        self._held = 0

    async def read(self) -> bytes:
        """The whole body, decompressed."""
        return await self.begin(None)

    async def begin(self, least: int | None) -> bytes:
        """The whole body or, of one that has more than `least` bytes, about so many; decompressed."""
        arrived = self.arrived()
        if arrived is not None:
            return arrived
        coding = _coding(self._request)
        length = self._request.content_length
        if length is not None and length > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        chunks: list[bytes] = []
        size = 0
        self._pieces = self._told(coding)
        async for piece in self._pieces:
            size += len(piece)
            self._hold(len(piece))
            chunks.append(piece)
            if least is not None and size > least:
                break
        else:
            self._pieces = None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @property
    def has_more(self) -> bool:
        """Whether `rest` may still give something."""
        return self._pieces is not None

    async def rest(self) -> AsyncIterator[bytes]:
        """What comes after the beginning. The room of each piece, and of the beginning, is given back with the next."""
        assert self._pieces is not None
        async for piece in self._pieces:
            self._room.give(self._held)
            self._held = 0
            self._hold(len(piece))
            yield piece

    async def _told(self, coding: str | None) -> AsyncGenerator[bytes, None]:
        """Decompressed pieces within the limits; what goes wrong with them as a problem."""
        size = 0
        try:
            async for piece in self._decoded(coding) if coding else self._sent():
                size += len(piece)
                if size > self._limits.body_bytes:
                    raise _too_large(self._limits.body_bytes)
                yield piece
        except TimeoutError:
            detail = f"the body was not complete after {self._limits.body_timeout_s:g} s"
            raise ProblemError(408, "Request timeout", detail, headers={"Connection": "close"}) from None
        except (web.RequestPayloadError, BadHttpMessage) as error:
            raise _unreadable(error) from error

    def arrived(self) -> bytes | None:
        """A small body that came together with its head, where there is nothing to wait for or to decompress."""
        if not self._request.content.is_eof() or _coding(self._request) is not None:
            return None
        try:
            data = self._request.content.read_nowait()
        except (web.RequestPayloadError, BadHttpMessage) as error:
            raise _unreadable(error) from error
        if len(data) > self._limits.body_bytes:
            raise _too_large(self._limits.body_bytes)
        self._hold(len(data))
        return data

    def _hold(self, size: int) -> None:
        if not self._room.take(size):
            raise unavailable("too much is in work already; nothing of this request was taken")
        self._held += size

    async def _sent(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive, bounded also where they come compressed. Only waiting for them takes their time."""
        content = self._request.content
        size = 0
        while True:
            began = time.monotonic()
            async with asyncio.timeout(self._left_s):
                chunk = await content.readany()
            self._left_s = max(0.0, self._left_s - (time.monotonic() - began))
            if not chunk:
                return
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


def _unreadable(error: Exception) -> ProblemError:
    return ProblemError(400, "Body not readable", f"the body could not be read: {error}")


def _too_large(body_bytes: int) -> ProblemError:
    detail = f"a body may have {body_bytes:,} bytes, compressed and decompressed; send the events in several requests"
    return ProblemError(413, "Content too large", detail)
