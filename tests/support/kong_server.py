"""The Admin API of the double in `kong`, on a free port: paging, credentials below consumers, faults on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.kong import FIELDS, Complaint, Entity, Kong
from tests.support.kong_schemas import SCHEMAS


@asynccontextmanager
async def serving(kong: Kong, prefix: str = "", ssl: Any = None) -> AsyncIterator[Kong]:
    """The double on a free port of 127.0.0.1; `kong.url` is its address."""
    app = web.Application()
    app.router.add_route("*", prefix + "/{path:.*}", _handler(kong, prefix))
    server = TestServer(app, host="127.0.0.1", scheme="https" if ssl else "http")
    await server.start_server(ssl=ssl)
    kong.url = f"{'https' if ssl else 'http'}://127.0.0.1:{server.port}{prefix}"
    try:
        yield kong
    finally:
        await server.close()


def _handler(kong: Kong, prefix: str) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path.removeprefix(prefix)
        kong.asked.append((request.method, path))
        if kong.token is not None and request.headers.get("Kong-Admin-Token") != kong.token:
            return web.json_response({"message": "Invalid credentials. Token or User credentials required"}, status=401)
        number = 0
        if request.method != "GET":
            kong.writes += 1
            number = kong.writes
            if kong.on_write:
                kong.on_write(number)
        fault = kong.fault(request.method, path, number) if kong.fault else None
        if fault is not None and fault < 1_000:
            return _faulty(request, fault)
        try:
            body = await request.json() if request.can_read_body else {}
            answer, status = _answer(kong, request, path, body)
        except Complaint as complaint:
            answer, status = complaint.body, complaint.status
        if fault is not None:
            return _faulty(request, fault - 1_000)
        return web.Response(status=204) if status == 204 else web.json_response(answer, status=status)

    return handle


def _faulty(request: web.Request, status: int) -> web.Response:
    if status == 0:
        assert request.transport is not None
        request.transport.abort()
    headers = {"Retry-After": "0"} if status == 429 else {}
    return web.json_response({"message": "An unexpected error occurred"}, status=status or 500, headers=headers)


def _answer(kong: Kong, request: web.Request, path: str, body: Entity) -> tuple[Any, int]:
    parts = [unquote(part) for part in path.split("/") if part]
    match (request.method, parts):
        case ("GET", []):
            available = dict.fromkeys(kong.plugins, True)
            configuration = {"database": kong.database}
            return {
                "version": kong.version,
                "configuration": configuration,
                "plugins": {"available_on_server": available},
            }, 200
        case ("GET", ["status"]):
            return {"configuration_hash": kong.config_hash}, 200
        case ("GET", ["schemas", "plugins", name]) if kong.shows_schemas and name in kong.plugins:
            return {
                "fields": [{"protocols": {"type": "set"}}, {"config": {"type": "record", "fields": SCHEMAS[name]}}]
            }, 200
        case ("GET", ["config"]) if kong.database == "off":
            return {"config": yaml.safe_dump(kong.exported())}, 200
        case ("POST", ["config"]) if kong.database == "off":
            kong.bodies.append((path, body))
            kong.load(yaml.safe_load(body["config"]))
            return {}, 201
        case (_, ["config"]):
            raise Complaint(400, "this endpoint is only available when Kong is configured to not use a database")
        case ("GET", [kind]) if kind in FIELDS:
            return _page(kong, [*kong.entities[kind].values()], request), 200
        case ("GET", ["consumers", consumer, kind]) if kind in FIELDS:
            place = {"id": _consumer(kong, consumer)["id"]}
            return _page(kong, [e for e in kong.entities[kind].values() if e["consumer"] == place], request), 200
        case (_, ["consumers", consumer, kind, name]) if kind in FIELDS:
            place = {"id": _consumer(kong, consumer)["id"]}
            return _one(kong, request.method, kind, name, {**body, "consumer": place} if body else body, path)
        case (_, [kind, name]) if kind in FIELDS:
            return _one(kong, request.method, kind, name, body, path)
    raise Complaint(404, "Not found")


def _consumer(kong: Kong, name: str) -> Entity:
    if (found := kong.find("consumers", name)) is None:
        raise Complaint(404, "Not found")
    return found


def _one(kong: Kong, method: str, kind: str, name: str, body: Entity, path: str) -> tuple[Any, int]:
    if method == "GET":
        if (found := kong.find(kind, name)) is None:
            raise Complaint(404, "Not found")
        return found, 200
    if kong.database == "off":
        told = f"cannot create or update '{kind}' entities when not using a database"
        raise Complaint(405, told, "operation unsupported", 12)
    kong.bodies.append((path, body))
    if method == "PUT":
        return kong.put(kind, name, body), 200
    if method == "PATCH":
        return kong.patch(kind, name, body), 200
    if method == "DELETE":
        kong.delete(kind, name)
        return None, 204
    raise Complaint(405, "Method not allowed")


def _page(kong: Kong, entities: list[Entity], request: web.Request) -> Entity:
    if tags := request.query.get("tags"):
        entities = [each for each in entities if set(tags.split(",")) <= set(each.get("tags") or ())]
    size = min(int(request.query.get("size", kong.page)), kong.page)
    start = int(request.query.get("offset", 0))
    more = start + size < len(entities)
    data = entities[start : start + size]
    return {
        "data": data,
        "next": f"/x?offset={start + size}" if more else None,
        **({"offset": start + size} if more else {}),
    }
