"""A real worker and a real query process that ask who calls, over a broker of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from carbon_stream.access.keys import new_key
from carbon_stream.local import LocalKafka
from tests.support.service import Service
from tests.support.tokens import AUDIENCE, Issuer

QUERY = ("-m", "carbon_stream.cli", "query")
HASH_SECRET = "a secret of this test, long enough"


class KeySetServer(ThreadingHTTPServer):
    """Serves a key set, counts how often, and can be told to fail."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _KeySet)
        self.text = b"{}"
        self.away = False
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/jwks.json"


class _KeySet(BaseHTTPRequestHandler):
    server: KeySetServer

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(503 if self.server.away else 200)
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@dataclass
class Guarded:
    """The service (1 is the worker, 2 a query process), its keys by name, and the issuer of its tokens."""

    service: Service
    path: Path
    issuer: Issuer
    key_set: KeySetServer
    entries: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *roles: str, **fields: Any) -> None:
        made = new_key()
        self.keys[name] = made.key
        self.entries.append({"id": made.id, "name": name, "sha256": made.sha256, "roles": list(roles), **fields})
        self.write()

    def remove(self, name: str) -> None:
        self.entries = [entry for entry in self.entries if entry["name"] != name]
        self.write()

    def write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump({"version": 1, "keys": self.entries}))
        fresh.replace(self.path)

    async def ask(
        self, method: str, path: str, credential: str | None = None, body: Any = None, number: int = 1
    ) -> tuple[int, Any, Any]:
        """`credential` is a key's name, or a credential itself. Gives status, answer and headers."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if credential is not None:
            headers["Authorization"] = f"Bearer {self.keys.get(credential, credential)}"
        data = orjson.dumps(body) if body is not None else None
        url = self.service.url(number) + path
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, url, data=data, headers=headers) as answer,
        ):
            raw = await answer.read()
            return answer.status, orjson.loads(raw) if raw else None, answer.headers


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    issuer = Issuer()
    issuer.add_rsa("first")
    key_set = KeySetServer()
    key_set.text = issuer.jwks()
    thread = threading.Thread(target=key_set.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    environment = {
        "CARBON_STREAM_ACCESS": "keys,jwt",
        "CARBON_STREAM_ACCESS_FILE": str(folder / "access.yaml"),
        "CARBON_STREAM_JWT_JWKS": key_set.url,
        "CARBON_STREAM_JWT_AUDIENCE": AUDIENCE,
        "CARBON_STREAM_API_KEY_HASH_SECRET": HASH_SECRET,
    }
    with LocalKafka(folder / "kafka") as kafka:
        service = Service(kafka, folder, environment)
        made = Guarded(service, folder / "access.yaml", issuer, key_set)
        made.add("loader", "sender")
        made.add("auditor", "auditor")
        try:
            import sys

            service.start(1)
            service.wait_ready(1)
            service.start(2, (sys.executable, *QUERY))
            service.wait_ready(2)
            yield made
        finally:
            service.stop()
            key_set.shutdown()
            key_set.server_close()
            thread.join()
