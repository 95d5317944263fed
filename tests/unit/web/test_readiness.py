"""/readyz says what is missing, and that a stopping process is not ready whatever else holds."""

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from carbon_stream.web import status
from carbon_stream.web.readiness import READINESS, Readiness


async def asked(readiness: Readiness, path: str) -> tuple[int, dict[str, object]]:
    application = web.Application()
    application[READINESS] = readiness
    application.add_routes(status.routes())
    async with TestClient(TestServer(application)) as client:
        response = await client.get(path)
        return response.status, await response.json()


async def test_ready_when_nothing_is_missing() -> None:
    readiness = Readiness()
    readiness.require("kafka", lambda: None)
    assert await asked(readiness, "/readyz") == (200, {"status": "ready", "checks": {"kafka": "ok"}, "missing": {}})


async def test_what_is_missing_is_named_until_it_is_there() -> None:
    readiness, lacks = Readiness(), ["not loaded", None]
    readiness.require("kafka", lambda: None)
    readiness.require("views", lambda: lacks[0])
    code, document = await asked(readiness, "/readyz")
    assert code == 503
    assert document["missing"] == {"views": "not loaded"}
    assert document["checks"] == {"kafka": "ok", "views": "not loaded"}
    del lacks[0]
    assert (await asked(readiness, "/readyz"))[0] == 200


async def test_a_stopping_process_is_alive_and_not_ready() -> None:
    readiness = Readiness()
    readiness.require("kafka", lambda: None)
    readiness.drain()
    code, document = await asked(readiness, "/readyz")
    assert code == 503
    assert document["missing"] == {"process": "it is stopping"}
    assert (await asked(readiness, "/healthz"))[0] == 200
