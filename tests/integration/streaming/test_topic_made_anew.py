"""A source topic is deleted and made again: what was counted stays, what is new counts, and it is said."""

import asyncio
import random
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.counting import PARTITIONS, Workers, caught_up, check, make_topics, read, send

pytestmark = pytest.mark.timeout(400)


async def _make_anew(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        settings = {"message.timestamp.type": "LogAppendTime"}
        async with asyncio.timeout(90):
            while topic in await admin.list_topics():
                await asyncio.sleep(0.1)
            while topic not in await admin.list_topics():
                await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=settings)])
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def _counted(workers: Workers) -> int:
    rows: dict[tuple[int, bytes], int] = {}
    for partition, key, value in await read(workers.bootstrap, f"{workers.group}-counts-changelog", PARTITIONS):
        if key is not None and value is not None and orjson.loads(key)[0] == "user":
            rows[partition, key] = orjson.loads(value)["n"]
    return sum(rows.values())


async def test_a_topic_made_anew_is_read_from_its_beginning(bootstrap_servers: str, tmp_path: Path) -> None:
    group = await make_topics(bootstrap_servers)
    workers = Workers(group, bootstrap_servers, tmp_path)
    try:
        workers.start(1)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
            await send(producer, group, random.Random(31), 3_000, 1)
            await check(workers)
            before = await _counted(workers)
            process = workers.processes.pop(1)
            process.terminate()
            assert process.wait(60) == 0
            await _make_anew(bootstrap_servers, f"{group}-a")
            events = [{"source": "svc", "user": f"u{n}", "event_id": f"anew-{n}"} for n in range(60)]
            for n, event in enumerate(events):
                await producer.send_and_wait(f"{group}-a", orjson.dumps(event), partition=n % PARTITIONS)
        workers.start(2)
        async with asyncio.timeout(60):
            while await _counted(workers) < before + len(events):
                await asyncio.sleep(0.5)
        assert await _counted(workers) == before + len(events)
        assert "was made anew" in workers.logs()
        await caught_up(workers, len(events), 10)
    finally:
        workers.stop()
