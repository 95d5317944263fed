"""A process that is told to stop first says so, then finishes what it has begun, and only then lets go of its parts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientConnectionError, ClientSession, web

from carbon_stream.contracts.examples import example
from carbon_stream.settings import Settings
from carbon_stream.web import status
from carbon_stream.web.application import ingest_application
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.server import listening, serve

PATIENCE_S = 90.0


def slow_application(told: list[str], go_on: asyncio.Event) -> web.Application:
    """One slow route, and a part that tells when it starts and stops."""

    async def slow(_: web.Request) -> web.Response:
        told.append("begun")
        await go_on.wait()
        told.append("answered")
        return web.json_response({"slow": True})

    async def part(_: web.Application) -> AsyncIterator[None]:
        told.append("part started")
        yield
        told.append("part stopped")

    application = web.Application()
    application[READINESS] = Readiness()
    application.cleanup_ctx.append(part)
    application.add_routes([*status.routes(), web.get("/slow", slow)])
    return application


async def test_readiness_goes_first_then_requests_finish_then_parts_stop() -> None:
    told: list[str] = []
    go_on, stop = asyncio.Event(), asyncio.Event()
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve(slow_application(told, go_on), "127.0.0.1", 0, drain_s=0.5, stop=stop, started=opened.set_result)
    )
    async with ClientSession(await opened) as session:
        assert (await session.get("/readyz")).status == 200
        slow: asyncio.Task[Any] = asyncio.create_task(_json(session, "/slow"))
        while "begun" not in told:
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.sleep(0.1)
        during = await session.get("/readyz")
        assert (during.status, (await during.json())["missing"]) == (503, {"process": "it is stopping"})
        assert not slow.done()
        await asyncio.sleep(0.7)  # the port is closed by now, and the slow request still in work
        assert not serving.done()
        async with ClientSession() as stranger:
            try:
                await stranger.get(f"{await opened}/healthz")
            except ClientConnectionError:
                told.append("closed to others")
        go_on.set()
        assert await slow == {"slow": True}
    await serving
    assert told == ["part started", "begun", "closed to others", "answered", "part stopped"]


async def _json(session: ClientSession, path: str) -> Any:
    async with session.get(path) as response:
        return await response.json()


async def counted(request: web.Request) -> web.Response:
    return web.json_response({"bytes": len(await request.read())})


def counting_application() -> web.Application:
    application = web.Application()
    application[READINESS] = Readiness()
    application.add_routes([*status.routes(), web.post("/counted", counted)])
    return application


@asynccontextmanager
async def serving(application: web.Application, stop: asyncio.Event) -> AsyncIterator[tuple[int, asyncio.Task[None]]]:
    """Gives the port, and the task that ends when the process would."""
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(application, "127.0.0.1", 0, drain_s=0.2, stop=stop, started=opened.set_result),
    )
    port = urlsplit(await opened).port
    assert port
    try:
        yield port, task
    finally:
        stop.set()
        await task


async def until_closed(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.05)


async def test_a_body_that_is_on_its_way_arrives_and_is_answered() -> None:
    stop = asyncio.Event()
    async with serving(counting_application(), stop) as (port, task), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + bytes(200_000))
        await writer.drain()
        await asyncio.sleep(0.1)
        stop.set()
        await until_closed(port)
        assert not task.done()
        writer.write(bytes(100_000))
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(bytes(200_000))
        answer = await reader.read()  # to the end: the connection is closed after it
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b'{"bytes": 500000}')
        writer.close()
        await task


async def test_a_body_that_is_broken_at_the_end_is_refused_and_holds_nobody_up() -> None:
    stop = asyncio.Event()
    async with serving(counting_application(), stop) as (port, task), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /counted HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        await asyncio.sleep(0.1)
        stop.set()
        await until_closed(port)
        writer.write(b"no number\r\n")
        assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        writer.close()
        await task


async def test_connections_without_a_request_do_not_keep_it() -> None:
    """One that is kept after an answer, one that never asked, and one with half a head."""
    stop = asyncio.Event()
    async with serving(counting_application(), stop) as (port, task), asyncio.timeout(PATIENCE_S):
        kept, silent, half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        kept[1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await kept[0].readuntil(b"\r\n\r\n")
        half[1].write(b"GET /healthz HTTP/1.1\r\nHost:")
        stop.set()
        for reader, writer in (kept, silent, half):
            await reader.read()
            writer.close()
        await task


async def test_a_request_that_does_not_end_is_given_up() -> None:
    told: list[str] = []

    async def hangs(_: web.Request) -> web.Response:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("given up")
        raise AssertionError

    application = web.Application()
    application.add_routes([web.get("/", hangs)])
    async with asyncio.timeout(PATIENCE_S):
        async with listening(application, "127.0.0.1", 0, finish_s=0.2) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while not told:
                await asyncio.sleep(0.01)
        assert await reader.read() == b""
        writer.close()
    assert told == ["begun", "given up"]


async def test_answers_of_a_process_that_stops_ask_for_a_new_connection(tmp_path: Path, free_port: int) -> None:
    settings = Settings(kafka_bootstrap_servers=f"127.0.0.1:{free_port}", data_dir=tmp_path, publish_timeout_s=0.5)
    application = ingest_application(settings)
    async with listening(application, "127.0.0.1", 0) as url, ClientSession(url) as session:
        async with session.get("/healthz") as before:
            assert "Connection" not in before.headers
        application[READINESS].drain()
        for path, code in (("/healthz", 200), ("/readyz", 503), ("/nothing-here", 404)):
            async with session.get(path) as answer:
                assert (answer.status, answer.headers["Connection"]) == (code, "close")
        event = example("DeploymentEvent")
        async with session.post("/v1/events", json=event) as answer:
            assert (answer.status, answer.headers["Connection"]) == (202, "close"), "and work goes on meanwhile"
