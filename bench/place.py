"""Where a part is measured: a broker of its own with all topics, a folder, and the service's commands."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.processes import Child, Failed, started
from carbon_stream.bootstrap.topics.apply import ensure_topics
from carbon_stream.local import LocalKafka
from carbon_stream.local.ports import free_ports
from carbon_stream.settings import Settings

READY_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves HTTP."""

    child: Child
    url: str


class Place:
    """One broker, and what is started beside it. Made by `place`."""

    def __init__(self, kafka: LocalKafka, folder: Path) -> None:
        self.folder = folder
        self.bootstrap_servers = kafka.bootstrap_servers
        self._port = free_ports(1)[0]  # one for all commands of the service: a worker that is started again is the same
        self.settings = Settings(kafka_bootstrap_servers=kafka.bootstrap_servers, data_dir=folder)

    @asynccontextmanager
    async def service(self, *command: str, **settings: str) -> AsyncIterator[Child]:
        """A command of the service, as its users start it, with more variables set; it may not be ready yet."""
        async with self._command(*command, **settings) as child:
            yield child

    @asynccontextmanager
    async def served(self, *command: str) -> AsyncIterator[Server]:
        """A command of the service that serves HTTP, once it is ready."""
        async with self._command(*command) as child:
            server = Server(child, f"http://127.0.0.1:{self._port}")
            await _ready(server, "/readyz")
            yield server

    @asynccontextmanager
    async def peer(self, module: str, **arguments: Any) -> AsyncIterator[Child]:
        """A program of `bench.peers`."""
        told = orjson.dumps({"servers": self.bootstrap_servers, **arguments}).decode()
        async with started(module, ("-m", f"bench.peers.{module}", told), self.folder, os.environ) as child:
            yield child

    @asynccontextmanager
    async def program(self, name: str, command: Sequence[str]) -> AsyncIterator[Child]:
        """A program that is none of ours."""
        async with started(name, command[1:], self.folder, os.environ, command[0]) as child:
            yield child

    @asynccontextmanager
    async def peer_served(self, module: str) -> AsyncIterator[Server]:
        """A program of `bench.peers` that serves HTTP, once it is ready."""
        port = free_ports(1)[0]
        async with self.peer(module, port=port) as child:
            server = Server(child, f"http://127.0.0.1:{port}")
            await _ready(server, "/")
            yield server

    @asynccontextmanager
    async def _command(self, *command: str, **settings: str) -> AsyncIterator[Child]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))},
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "CARBON_STREAM_HTTP_PORT": str(self._port),
            "CARBON_STREAM_DATA_DIR": str(self.folder / "data"),
            "CARBON_STREAM_SESSION_TIMEOUT_MS": "6000",
            **settings,
        }
        arguments = ("-m", "carbon_stream.cli", *command)
        async with started(command[0], arguments, self.folder, environment) as child:
            yield child


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """A broker with the service's topics, empty; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="carbon-stream-bench-") as name:
        folder = Path(name)
        kafka = LocalKafka(folder / "kafka")
        try:
            await asyncio.to_thread(kafka.start)
            made = Place(kafka, folder)
            await ensure_topics(made.settings)
            yield made
        finally:
            await asyncio.to_thread(kafka.stop)


async def _ready(server: Server, path: str) -> None:
    deadline = time.monotonic() + READY_S_MAX
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            server.child.check()
            try:
                async with session.get(server.url + path) as answer:
                    if answer.status < 400:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
    raise Failed(str(server.child.failure(f"was not ready within {READY_S_MAX:g} s")))
