"""GET /v1/events/stream: events as they arrive, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiokafka.errors import KafkaError

from carbon_stream.errors import ProblemError
from carbon_stream.live import frames
from carbon_stream.live.filters import PARAMETERS, filter_of
from carbon_stream.live.hub import Full, Hub, Unavailable
from carbon_stream.live.positions import Positions, decode
from carbon_stream.live.reader import CHUNK_BYTES, Reader
from carbon_stream.live.resume import missed, read_again
from carbon_stream.observability import metrics
from carbon_stream.query.consumer_pool import Busy, ConsumerPool
from carbon_stream.query.parameters import integer, parameters

HUB: Final = web.AppKey("live_hub", Hub)
POOL: Final = web.AppKey("live_pool", ConsumerPool)
PUT_HEADERS: Final[web.AppKey[Callable[[web.BaseRequest, web.StreamResponse], None]]] = web.AppKey("live_put_headers")
"""Puts the headers that every answer has on one that begins before its handler has ended; it may be absent."""
KEEP_ALIVE_S: Final = 10.0
SECONDS_MAX: Final = 86_400
_LOOK_S: Final = 1.0
_WRITE_S_MAX: Final = 60.0
"""A reader that takes nothing for so long is let go."""
_RETRY_AFTER_S: Final = 5


def routes() -> list[web.RouteDef]:
    """Routes that find HUB and POOL in the application. HEAD would have no end."""
    return [web.get("/v1/events/stream", stream, allow_head=False)]


async def stream(request: web.Request) -> web.StreamResponse:
    """Events that pass the filter from now on, or from `Last-Event-ID` on where the topics still have them.

    A reader that is too slow loses events, and the stream says how many (`event: gap`). 503 when there are too many
    readers, or Kafka does not answer.
    """
    given = parameters(request, (*PARAMETERS, "seconds"), repeated=("field",))
    wanted = filter_of(given, request.query.getall("field", ()))
    seconds = integer(given, "seconds", default=SECONDS_MAX, least=1, most=SECONDS_MAX)
    last = request.headers.get("Last-Event-ID", "")
    asked = decode(last) if last else {}
    hub = request.app[HUB]
    reader = Reader(wanted, events_max=hub.reader_events_max, on_drop=metrics.LIVE_DROPPED.inc)
    try:
        with hub.place(reader):
            now = await hub.joined(reader)
            sending = _Sending(request, reader)
            await sending.begin()
            return await sending.run(asked, now, seconds)
    except Full:
        raise _again("Too many readers", "as many streams are open as this process serves") from None
    except Unavailable as error:
        raise _again("Events cannot be read", str(error)) from None


class _Sending:
    """One answer while it lasts."""

    def __init__(self, request: web.Request, reader: Reader) -> None:
        self._request, self._reader = request, reader
        self._response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}  # proxies must not hold it back
        )

    async def begin(self) -> None:
        if put_headers := self._request.app.get(PUT_HEADERS):
            put_headers(self._request, self._response)
        await self._response.prepare(self._request)
        await self._write(frames.RETRY)

    async def run(self, asked: Positions, now: Positions, seconds: float) -> web.StreamResponse:
        """Until the time is over, the reader has gone or is stuck, or the service stops."""
        try:
            async with asyncio.timeout(seconds):
                if asked:
                    await self._catch_up(asked, now)
                await self._write(self._reader.keep_alive())
                await self._follow()
        except TimeoutError:
            if not self._is_gone():
                await self._response.write_eof()
        except ConnectionError:
            pass  # whoever read it has gone
        return self._response

    async def _catch_up(self, asked: Positions, now: Positions) -> None:
        """What lay between, before what comes. Where it cannot be read, the stream says that it is missing."""
        wanted = self._reader.wanted
        try:
            async with self._request.app[POOL].consumer() as consumer:
                what = await missed(consumer, asked, now, self._reader)
                if what.skipped:
                    await self._write(frames.gap(0, what.skipped))
                chunk = bytearray()
                async for topic, records in read_again(consumer, what, self._request.app[HUB].hide):
                    for shown in records:
                        if wanted.wants_refused if shown.event is None else wanted.accepts(topic, shown.event):
                            chunk += shown.frame
                        if len(chunk) >= CHUNK_BYTES:
                            await self._write(chunk)
                            chunk.clear()
                await self._write(chunk)
        except (Busy, KafkaError, OSError) as error:
            if isinstance(error, ConnectionError):
                raise
            lost = sum(max(0, now.get(partition, 0) - position) for partition, position in asked.items())
            await self._write(frames.gap(0, lost))

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while not self._is_gone():
            chunk = await self._reader.take(_LOOK_S)
            if not chunk:
                if self._reader.is_closed:
                    await self._response.write_eof()
                    return
                if loop.time() - quiet_since < KEEP_ALIVE_S:
                    continue
                chunk = self._reader.keep_alive()
            await self._write(chunk)
            quiet_since = loop.time()

    async def _write(self, chunk: bytes | bytearray) -> None:
        if not chunk:
            return
        try:
            async with asyncio.timeout(_WRITE_S_MAX):
                await self._response.write(bytes(chunk))
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionError("the reader takes nothing") from None

    def _is_gone(self) -> bool:
        transport = self._request.transport
        return transport is None or transport.is_closing()


def _again(title: str, detail: str) -> ProblemError:
    return ProblemError(503, title, detail, headers={"Retry-After": str(_RETRY_AFTER_S)})
