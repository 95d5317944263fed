"""Who is slow is cut off, on a first request and on a further one; who is only idle is not."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from carbon_stream.web import connections, status
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.server import listening
from tests.support.applications import answering

SHORT_S, PATIENCE_S = 0.3, 60.0
ASKED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def ended() -> asyncio.Event:
    """Set when an answer without end has ended all the same."""
    return asyncio.Event()


@pytest.fixture
def began() -> asyncio.Event:
    """Set when the reading of a body has begun."""
    return asyncio.Event()


@pytest.fixture
async def port(ended: asyncio.Event, began: asyncio.Event) -> AsyncIterator[int]:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(100_000))
        finally:
            ended.set()

    async def read(request: web.Request) -> web.Response:
        began.set()
        return web.json_response(len(await request.read()))

    application = answering()
    application[READINESS] = Readiness()
    application.add_routes([*status.routes(), web.get("/endless", endless), web.post("/read", read)])
    async with listening(application, "127.0.0.1", 0) as url:
        bound = urlsplit(url).port
        assert bound
        yield bound


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield reader, writer
    finally:
        writer.transport.abort()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *parts: bytes) -> bytes:
    """The head of the answer to a request that is sent in parts; its body is read too."""
    for part in parts or (ASKED,):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01 if parts else 0)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(b'{"status":"alive"}'))
    return head.partition(b"\r\n")[0]


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost:"], ids=["nothing", "half a head"])
async def test_a_first_request_that_does_not_come(port: int, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SHORT_S)
    async with connected(port) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""


async def test_a_further_request_whose_head_does_not_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(port) as (reader, writer):
        assert b"200" in await ask(reader, writer)
        monkeypatch.setattr(connections, "HEAD_S", SHORT_S)
        cut = asyncio.ensure_future(reader.read())
        for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 10_000:
            writer.write(bytes([byte]))  # a byte now and then does not help
            if (await asyncio.wait({cut}, timeout=0.05))[0]:
                break
        assert await cut == b""


async def test_a_connection_that_is_only_idle_stays(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(port) as (reader, writer):
        assert b"200" in await ask(reader, writer)
        monkeypatch.setattr(connections, "HEAD_S", SHORT_S)
        await asyncio.sleep(3 * SHORT_S)
        monkeypatch.setattr(connections, "HEAD_S", PATIENCE_S)
        assert b"200" in await ask(reader, writer, ASKED[:20], ASKED[20:])
        assert b"200" in await ask(reader, writer)


async def test_a_head_that_is_there_is_waited_for_no_longer(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SHORT_S)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with connected(port) as (reader, writer):
                try:
                    await ask(reader, writer, ASKED[:20], ASKED[20:])
                except (asyncio.IncompleteReadError, ConnectionError):
                    continue  # the machine was too slow for a bound as short as this one
                await asyncio.sleep(3 * SHORT_S)
                writer.write(ASKED)
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
                return


async def test_a_peer_that_does_not_read_its_answer(
    port: int, ended: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READING_S", SHORT_S)
    async with connected(port) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        await ended.wait()


async def test_a_sender_that_goes_away_is_no_failure(
    port: int, began: asyncio.Event, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody can do that, as often as they like: it must not fill the log."""
    with caplog.at_level(logging.INFO):
        async with connected(port) as (_, writer):
            writer.write(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            await began.wait()
        async with connected(port) as (reader, writer):
            assert b"200" in await ask(reader, writer)
    assert not caplog.records
