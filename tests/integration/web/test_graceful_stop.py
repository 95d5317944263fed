"""A process that is told to stop first says so, then finishes what it has begun, and only then lets go of its parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientConnectionError, ClientSession, web

from carbon_stream.web import status
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.server import serve


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
