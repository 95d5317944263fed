"""What aiohttp itself takes: a handler that reads the body and does nothing with it. Served as the service serves."""

from __future__ import annotations

import uvloop
from aiohttp import web

from bench.peers.frame import arguments


async def take(request: web.Request) -> web.Response:
    """Read and forget."""
    await request.read()
    return web.Response(status=202)


async def here(_: web.Request) -> web.Response:
    """Say that the port is open."""
    return web.Response()


def main() -> None:
    """Serve until terminated."""
    application = web.Application(client_max_size=64 << 20)
    application.add_routes([web.get("/", here), web.post("/v1/events", take)])
    web.run_app(
        application,
        host="127.0.0.1",
        port=arguments()["port"],
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )


if __name__ == "__main__":
    main()
