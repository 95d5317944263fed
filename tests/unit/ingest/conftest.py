"""The ingest application over real sockets, with a publisher whose outcomes the test decides."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from carbon_stream.ingest import routes, service
from carbon_stream.ingest.delivery import Delivery, Outcome, Spooled, Stored
from carbon_stream.ingest.observer import Unobserved
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.service import INGEST, Ingest
from carbon_stream.routing import Record
from carbon_stream.settings import Settings
from tests.support.applications import answering


class ScriptedPublisher(Publisher):
    """Settles each record at once, as `outcome` says; keeps the records."""

    def __init__(self) -> None:
        self.taken: list[Record] = []
        self.outcome: Callable[[Record, int], Outcome] = lambda record, number: Stored(0, number)

    @property
    def ready(self) -> bool:
        """Always."""
        return True

    async def start(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    def join(self, record: Record) -> None:
        """Nobody waits here."""

    async def submit(self, records: list[Record], *, gathers: bool = False) -> Delivery:
        """Settles at once."""
        delivery = Delivery(records)
        for index, record in enumerate(records):
            outcome = self.outcome(record, len(self.taken))
            if isinstance(outcome, Stored):
                delivery.store([index], outcome.partition, -1 if outcome.offset is None else outcome.offset)
            elif isinstance(outcome, Spooled):
                delivery.hand_over([index])
                delivery.settle([index], outcome)
            else:
                delivery.fail([index], outcome)
            self.taken.append(record)
        return delivery


class Recorder(Unobserved):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answers: list[tuple[dict[str, int], dict[str, int]]] = []

    def answered(
        self, path: str, taken: Mapping[tuple[str, str], int], rejected: Mapping[str, int], seconds: float
    ) -> None:
        """Keeps the counts."""
        assert 0 <= seconds < 60
        self.paths.append(path)
        self.answers.append(({topic: number for (_, topic), number in taken.items()}, dict(rejected)))


@dataclass
class Door:
    """A running application."""

    host: str
    port: int
    ingest: Ingest
    publisher: ScriptedPublisher
    client: aiohttp.ClientSession
    recorder: Recorder

    async def post(self, data: bytes, path: str = "/v1/events", **headers: str) -> tuple[int, dict[str, Any], Any]:
        """Posts bytes; header names have underscores. Gives status, answer and the answer's headers."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://{self.host}:{self.port}{path}"
        skip = () if "Content-Type" in names else ("Content-Type",)
        async with self.client.post(url, data=io.BytesIO(data), headers=names, skip_auto_headers=skip) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def raw(self, text: bytes, *more: bytes, pause_s: float = 0.0) -> bytes:
        """Writes to a socket, in parts, and gives the head of the answer."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        with contextlib.closing(writer):
            for part in (text, *more):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
            return await reader.readuntil(b"\r\n\r\n")


OpenDoor = Callable[..., Awaitable[Door]]


@pytest.fixture
async def open_door() -> AsyncIterator[OpenDoor]:
    """Starts applications: `await open_door(**settings)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*, auto_decompress: bool = False, **settings: Any) -> Door:
            recorder = Recorder()
            ingest = service.compose(Settings(spool_max_bytes=0, **settings), recorder)
            ingest.publisher = ingest.admission.publisher = publisher = ScriptedPublisher()
            application = answering()
            application[INGEST] = ingest
            application.add_routes(routes.routes())
            runner = web.AppRunner(application, auto_decompress=auto_decompress)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            client = await stack.enter_async_context(aiohttp.ClientSession())
            host, port = runner.addresses[0][:2]
            return Door(host, port, ingest, publisher, client, recorder)

        yield start


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """A valid DataQualityEvent; keyword arguments replace or add fields."""

    def make(**fields: Any) -> dict[str, Any]:
        return {
            "eventType": "DataQualityEvent",
            "source": "dolphinscheduler-worker",
            "datasetName": "prices",
            "checkType": "not-null",
            "checkName": "price",
            "result": "PASS",
            "score": 1,
            "failedRecords": 0,
            "totalRecords": 10,
            **fields,
        }

    return make
