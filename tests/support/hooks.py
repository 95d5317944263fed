"""A receiver of requests, as an endpoint of rules has one: it can be told to fail, to hang, and to go away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass
class Taken:
    """One request that was answered with success."""

    key: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Receiver:
    """A real HTTP server; paths are endpoints. `behaviour` of a path: a status, `hang`, or a body with status 200."""

    port: int
    secret: bytes = b""
    behaviour: dict[str, Any] = field(default_factory=dict)
    taken: dict[str, list[Taken]] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path.strip("/")
        body = await request.read()
        self.asked[path] = self.asked.get(path, 0) + 1
        behaviour = self.behaviour.get(path, 200)
        if behaviour == "hang":
            await asyncio.sleep(30)
            return web.Response(status=200)  # too late: nobody waits any more
        if isinstance(behaviour, int) and behaviour != 200:
            return web.Response(status=behaviour, headers={"Location": "http://127.0.0.1:1/"})
        if "webhook-signature" in request.headers:
            signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
            expected = base64.b64encode(hmac.new(self.secret, signed, hashlib.sha256).digest()).decode()
            if request.headers["webhook-signature"] != f"v1,{expected}":
                return web.Response(status=403)
        taken = Taken(request.headers.get("Idempotency-Key", ""), dict(request.headers), body)
        self.taken.setdefault(path, []).append(taken)
        return web.json_response(behaviour if isinstance(behaviour, dict) else {"code": 0})

    def keys(self, path: str) -> list[str]:
        return [one.key for one in self.taken.get(path, [])]
