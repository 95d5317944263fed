"""The application's front with access control, over real sockets: real routes of ingest, queries that only answer."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from aiohttp import web

from carbon_stream.access.keys import NewKey, new_key
from carbon_stream.ingest import routes as ingest_routes
from carbon_stream.ingest import service
from carbon_stream.ingest.service import INGEST
from carbon_stream.settings import Settings
from carbon_stream.web.access_setup import Access
from carbon_stream.web.endpoint_roles import ENDPOINT_ROLES
from carbon_stream.web.guard import guard
from tests.support.applications import answering
from tests.unit.ingest.conftest import ScriptedPublisher


@dataclass
class Front:
    """A running front. `taken` are the records that it published."""

    url: str
    client: aiohttp.ClientSession
    publisher: ScriptedPublisher
    access: Access

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any], "aiohttp.typedefs.LooseHeaders"]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else orjson.dumps(body)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        async with self.client.request(method, self.url + path, data=data, headers={**kind, **names}) as answer:
            raw = await answer.read()
            return answer.status, orjson.loads(raw) if raw else {}, answer.headers

    def events(self, topic: str) -> list[dict[str, Any]]:
        return [orjson.loads(record.value) for record in self.publisher.taken if record.topic == topic]


OpenFront = Callable[..., Awaitable[Front]]


@pytest.fixture
async def open_front() -> AsyncIterator[OpenFront]:
    """Starts fronts: `await open_front(**settings)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Front:
            chosen = Settings(**settings)
            application = answering(guard)
            access = Access(application, chosen)
            ingest = application[INGEST] = service.compose(chosen, overseer=access.log)
            ingest.publisher = ingest.admission.publisher = publisher = ScriptedPublisher()
            application.add_routes(ingest_routes.routes())
            for method, path in ENDPOINT_ROLES:
                if method == "GET":
                    application.router.add_get(path, _answer)
                if method == "PUT":
                    application.router.add_put(path, _answer)
            application.router.add_post("/v1/dead-letters/replay", _answer)
            application.router.add_post("/v1/not-on-the-list", _answer)
            application.cleanup_ctx.append(access.watch())
            runner = web.AppRunner(application, auto_decompress=False, max_field_size=16 << 10)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = await stack.enter_async_context(aiohttp.ClientSession())
            host, port = runner.addresses[0][:2]
            return Front(f"http://{host}:{port}", client, publisher, access)

        yield start


async def _answer(_: web.Request) -> web.Response:
    return web.json_response({"answered": True})


@dataclass
class Kept:
    """An access file with keys, by name."""

    path: Path
    keys: dict[str, NewKey]
    document: dict[str, Any]

    def add(self, name: str, *roles: str, **fields: Any) -> str:
        made = self.keys[name] = new_key()
        entry = {"id": made.id, "name": name, "sha256": made.sha256, "roles": list(roles), **fields}
        self.document.setdefault("keys", []).append(entry)
        self.write()
        return made.key

    def write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(self.document))
        fresh.replace(self.path)

    def bearer(self, name: str) -> str:
        return f"Bearer {self.keys[name].key}"


@pytest.fixture
def access_file(tmp_path: Path) -> Kept:
    """An access file that is empty as yet."""
    kept = Kept(tmp_path / "access.yaml", {}, {"version": 1})
    kept.write()
    return kept
