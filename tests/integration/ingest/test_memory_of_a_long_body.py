"""A long NDJSON body is taken by a real process over a real broker without its memory following the body."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import psutil
import pytest

from carbon_stream.contracts.exports import example
from carbon_stream.local import LocalKafka
from tests.support.service import Service

pytestmark = pytest.mark.timeout(240)
BODY_BYTES = 50 << 20
GROWTH_BYTES_MAX = 30 << 20
INGEST = (sys.executable, "-m", "carbon_stream.cli", "ingest", "--processes", "1")


def line(number: int) -> bytes:
    event = {**dict(example("DataIngestionEvent")), "eventId": f"long-{number}", "padding": "x" * 400}
    return orjson.dumps(event) + b"\n"


async def test_fifty_megabytes_are_taken_in_thirty(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka") as kafka:
        environment = {"CARBON_STREAM_REQUEST_TIMEOUT_S": "200"}
        service = Service(kafka, tmp_path, environment)
        try:
            await asyncio.to_thread(_bootstrap, kafka)
            service.start(1, INGEST)
            await asyncio.to_thread(service.wait_ready, 1)
            process = psutil.Process(service.processes[1].pid)
            grown, accepted, sent = await _post(service.url(1) + "/v1/events", process)
        finally:
            await asyncio.to_thread(service.stop)
    assert accepted == sent > 50_000
    assert grown < GROWTH_BYTES_MAX, f"{grown >> 20} MiB"


def _bootstrap(kafka: LocalKafka) -> None:
    from carbon_stream.bootstrap.topics.apply import ensure_topics
    from carbon_stream.settings import Settings

    asyncio.run(ensure_topics(Settings(kafka_bootstrap_servers=kafka.bootstrap_servers)))


async def _post(url: str, process: psutil.Process) -> tuple[int, int, int]:
    """How much resident memory grew at most, how many were accepted, and how many were sent."""
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        size = 0
        while size < BODY_BYTES:
            piece = b"".join(line(sent + n) for n in range(100))
            sent += 100
            size += len(piece)
            yield piece

    headers = {"Content-Type": "application/x-ndjson"}
    async with aiohttp.ClientSession() as client:
        for number in range(200):  # what any first requests load is no growth
            async with client.post(url, data=line(-number - 1), headers=headers) as answer:
                assert answer.status == 202, (await answer.text())[-500:]
        before = most = process.memory_info().rss

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(watch())
        async with client.post(url, data=body(), headers=headers) as answer:
            assert answer.status == 202, (await answer.text())[-500:]
            document = orjson.loads(await answer.read())
        watching.cancel()
    return most - before, document["accepted"], sent
