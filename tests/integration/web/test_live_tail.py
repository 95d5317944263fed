"""The live tail on a real broker: a slow reader harms nobody, and whoever comes back lacks nothing."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from carbon_stream.contracts.exports import example
from carbon_stream.live import routes as live
from carbon_stream.live.client import Lines, Message, Tail
from carbon_stream.live.hub import Hub
from carbon_stream.local import LocalKafka
from carbon_stream.local.ports import free_ports
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application
from carbon_stream.web.server import listening
from tests.integration.web.conftest import Serving

pytestmark = pytest.mark.timeout(180)
DEADLINE_S = 60
HEALTH = "system-health"


def health(number: int, **fields: Any) -> bytes:
    event = {**example("ServiceHealthEvent"), "eventId": f"e-{number}", "serviceName": f"svc-{number % 3}"}
    return json.dumps({**event, **fields}).encode()


@pytest.fixture
async def producer(platform: LocalKafka) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=platform.bootstrap_servers, acks="all", linger_ms=5)
    await producer.start()
    yield producer
    await producer.stop()


async def send(producer: AIOKafkaProducer, values: list[bytes], topic: str = HEALTH, partition: int = 0) -> None:
    await asyncio.gather(*[await producer.send(topic, value, partition=partition) for value in values])


class Stream:
    """A stream that is read, message by message."""

    def __init__(self, content: Any) -> None:
        self._content, self.lines = content, Lines()

    async def next(self) -> Message:
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._content:
                if message := self.lines.feed(line.rstrip(b"\n")):
                    return message
        raise AssertionError("the stream has ended")

    async def begun(self) -> "Stream":
        """From now on everything is shown: the first comment says so."""
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._content:
                self.lines.feed(line.rstrip(b"\n"))
                if self.lines.last_id and line == b"\n":
                    return self
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def stream(session: ClientSession, last_id: str = "", **query: Any) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with session.get("/v1/events/stream", params=query, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Stream(response.content)


async def test_events_come_as_they_arrive_and_only_those_asked_for(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    async with (
        serving(query_application, settings) as session,
        stream(session) as every,
        stream(session, entity="svc-1", field="healthStatus=UNHEALTHY") as few,
    ):
        await every.begun()
        await few.begun()
        values = [health(n, healthStatus="UNHEALTHY" if n % 2 else "HEALTHY") for n in range(9)]
        await send(producer, [*values, b"{", health(9, latencyMs="slow")])
        seen = [await every.next() for _ in range(11)]
        assert [m.data["eventId"] for m in seen[:9]] == [f"e-{n}" for n in range(9)]
        assert [(m.kind, m.data["reason"]) for m in seen[9:]] == [("refused", "not-json"), ("refused", "invalid")]
        assert seen[0].data["topic"] == HEALTH
        assert [(await few.next()).data["eventId"] for _ in range(2)] == ["e-1", "e-7"]


async def test_whoever_comes_back_with_an_id_lacks_nothing(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer, platform: LocalKafka
) -> None:
    async with serving(query_application, settings) as session:
        async with stream(session, topic=HEALTH) as first:
            await first.begun()
            await send(producer, [health(0)], partition=1)
            assert (await first.next()).data["eventId"] == "e-0"
            last_id = (await first.begun()).lines.last_id
        await send(producer, [health(n) for n in range(1, 400)], partition=1)
        await send(producer, [health(n) for n in range(400, 450)], partition=2)
        async with stream(session, last_id, topic=HEALTH) as second:
            found = [(await second.next()).data["eventId"] for _ in range(449)]
            await send(producer, [health(450)], partition=1)
            assert (await second.next()).data["eventId"] == "e-450"
        assert sorted(found) == sorted(f"e-{n}" for n in range(1, 450))

        admin = AIOKafkaAdminClient(bootstrap_servers=platform.bootstrap_servers)
        await admin.start()
        end = second.lines.last_id.partition(":")[2].split(",")[2]
        await admin.delete_records({TopicPartition(HEALTH, 2): RecordsToDelete(int(end))})
        await admin.close()
        async with stream(session, last_id, topic=HEALTH, source=example("ServiceHealthEvent")["source"]) as third:
            gap = await third.next()
            assert gap == Message("gap", {"dropped": 0, "skipped": 50})
            assert (await third.next()).data["eventId"] == "e-1"


async def test_a_reader_that_takes_nothing_is_told_what_it_lacks_and_holds_up_nobody(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    total, size = 6_000, 4_000
    async with serving(query_application, settings) as session:
        port = urlsplit(str(session._base_url)).port
        assert port is not None
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 22)
        writer.write(f"GET /v1/events/stream?topic={HEALTH} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        slow = await Stream(reader).begun()
        writer.transport.pause_reading()  # type: ignore[attr-defined] # what open_connection gives can do it
        async with stream(session, topic=HEALTH) as quick:
            await quick.begun()
            sent = asyncio.create_task(send(producer, [health(n, message="x" * size) for n in range(total)]))
            found = lacking = 0
            while found + lacking < total:
                message = await quick.next()
                lacking += message.data["dropped"] + message.data["skipped"] if message.kind else 0
                found += not message.kind
            await sent
        assert found > 0
        writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        last, shown, dropped = -1, 0, 0
        while shown + dropped < total:
            message = await slow.next()
            if message.kind == "gap":
                dropped += message.data["dropped"] + message.data["skipped"]
            else:
                number = int(message.data["eventId"].removeprefix("e-"))
                assert number > last
                last, shown = number, shown + 1
        assert dropped > 0
        assert shown + dropped == total
        writer.close()
        text = await (await session.get("/metrics")).text()
        counted = [line for line in text.splitlines() if line.startswith("carbon_stream_live_dropped_events_total")]
        assert float(counted[0].split()[1]) >= dropped


async def test_there_is_a_bound_on_readers_and_the_consumer_is_there_only_for_them(
    serving: Serving, settings: Settings
) -> None:
    def build(settings: Settings) -> web.Application:
        application = query_application(settings)
        application[live.HUB] = hubs[0]
        return application

    hubs = [Hub(settings.kafka_client(), readers_max=1)]

    def consumers() -> int:
        return sum(task.get_name() == "live tail" for task in asyncio.all_tasks())

    async with serving(build, settings) as session:
        assert consumers() == 0
        async with stream(session) as only:
            await only.begun()
            assert consumers() == 1
            async with session.get("/v1/events/stream") as refused:
                assert refused.status == 503
                assert int(refused.headers["Retry-After"]) > 0
                assert (await refused.json())["title"] == "Too many readers"
        async with asyncio.timeout(DEADLINE_S):
            while consumers():
                await asyncio.sleep(0.05)
        async with stream(session, seconds=1) as again:
            await again.begun()
            rest = await again._content.read()
        assert b"data:" not in rest
        assert (await session.head("/v1/events/stream")).status == 405
        wrong = await session.get("/v1/events/stream", headers={"Last-Event-ID": "yesterday"})
        assert (wrong.status, wrong.content_type) == (400, "application/problem+json")
        assert (await session.get("/v1/events/stream?fild=a=b")).status == 400
    await hubs[0].close()


async def test_streams_end_whole_when_the_service_stops_and_a_client_goes_on_where_it_was(
    settings: Settings, producer: AIOKafkaProducer
) -> None:
    (port,) = free_ports(1)
    said: list[str] = []
    async with asyncio.timeout(120):
        messages = Tail(f"http://127.0.0.1:{port}", [("topic", HEALTH)], say=said.append).messages()
        waiting = asyncio.ensure_future(anext(messages))
        async with ClientSession(f"http://127.0.0.1:{port}") as session, AsyncExitStack() as other:
            async with listening(query_application(settings), "127.0.0.1", port):
                open_one = await other.enter_async_context(stream(session))
                await open_one.begun()
                while not waiting.done():  # it may still be waiting to try again
                    await send(producer, [health(0)])
                    await asyncio.sleep(0.2)
            await open_one._content.read()  # a stream that was cut off would raise
        await send(producer, [health(n) for n in range(1, 20)])
        async with listening(query_application(settings), "127.0.0.1", port):
            found: list[str] = []
            while not found or found[-1] != "e-19":
                found.append((await anext(messages)).data["eventId"])
        await messages.aclose()
    assert [one for one in found if one != "e-0"] == [f"e-{n}" for n in range(1, 20)]
    assert any("trying again" in text for text in said)


@asynccontextmanager
async def tail(url: str, *options: str, stdout: int = subprocess.PIPE) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "carbon_stream.cli", "tail", "--url", url, *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "CARBON_STREAM_"))}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=stdout, stderr=subprocess.PIPE, env={**environment, "PYTHONUNBUFFERED": "1"}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined] # else its pipes are closed by the collector, too late


async def told(process: asyncio.subprocess.Process, producer: AIOKafkaProducer) -> list[bytes]:
    """Two lines of what the command shows; it may take a while to begin."""
    assert process.stdout is not None
    lines: list[bytes] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(lines) < 2:
            await send(producer, [health(0, healthStatus="HEALTHY", message="\x1b[31mred", serviceName="s\x1b]0;x")])
            try:
                async with asyncio.timeout(1):
                    lines.append(await process.stdout.readline())
            except TimeoutError:
                continue
    return lines


async def test_the_command_shows_events_and_ends_cleanly(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    async with serving(query_application, settings) as session:
        url = str(session._base_url)
        async with tail(url, "--type", "ServiceHealthEvent", "--field", "healthStatus=HEALTHY") as process:
            lines = await told(process, producer)
            assert b"ServiceHealthEvent" in lines[0]
            assert b"\x1b" not in lines[0]
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert (await process.stderr.read(), await process.wait()) == (b"", 0)
        async with tail(url, "--json", "--limit", "2") as process:
            assert all(json.loads(line)["serviceName"] == "s\x1b]0;x" for line in await told(process, producer))
            async with asyncio.timeout(DEADLINE_S):
                assert await process.wait() == 0
        read, write = os.pipe()
        os.close(read)
        async with tail(url, "--json", stdout=write) as process:
            os.close(write)
            async with asyncio.timeout(DEADLINE_S):
                while process.returncode is None:
                    await send(producer, [health(0)])
                    await asyncio.sleep(0.2)
            assert process.stderr is not None
            assert (await process.stderr.read(), process.returncode) == (b"", 0)
        async with tail(url, "--topic", "no-such-topic") as process:
            assert process.stderr is not None
            async with asyncio.timeout(DEADLINE_S):
                said = await process.stderr.read()
                assert await process.wait() == 1
            assert b"topic: no-such-topic is not one of" in said
