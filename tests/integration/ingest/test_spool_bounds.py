"""The spool at its bounds, and what happens to spools of processes that are gone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.ingest.spool.keeping import Kept, Spool
from carbon_stream.ingest.spool.store import FILE
from carbon_stream.routing import Record

ApiCall = Callable[..., dict[str, Any]]
Read = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.timeout(420)


async def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def ids_on_topic(read_topic: Read, servers: str) -> list[str]:
    return [orjson.loads(record.value)["eventId"] for record in await read_topic(servers, ["audit-api-calls"])]


async def test_full_it_answers_503_within_its_bounds_and_senders_that_try_again_deliver_everything(
    start_service: Any, fresh_kafka: Any, free_port: int, make_topics: Any, read_topic: Read, api_call: ApiCall,
    tmp_path: Path,
) -> None:  # fmt: skip
    bound = 300_000
    service = await start_service(
        f"127.0.0.1:{free_port}", spool_after_s=0.5, spool_max_bytes=bound, spool_dir=tmp_path / "spool"
    )
    full = asyncio.Event()
    answers: list[int] = []
    peak = 0

    async def sender(name: str) -> None:
        nonlocal peak
        for number in range(25):
            one = api_call(eventId=f"{name}-{number}", service=name, errorMessage="x" * 1_000)
            while True:
                async with service.client.post(f"{service.url}/v1/events", json=one) as answer:
                    reply = await answer.json(content_type=None)
                answers.append(answer.status)
                peak = max(peak, service.ingest.publisher.spool.bytes)
                if answer.status == 202:
                    break
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert reply["receipts"][0]["retriable"] is True
                assert "the spool is full" in reply["receipts"][0]["errors"][0]["message"]
                full.set()
                await asyncio.sleep(0.1)  # a sender would wait for as long as it is told to

    senders = [asyncio.create_task(sender(f"sender{n}")) for n in range(20)]
    await asyncio.wait_for(full.wait(), 120)
    await asyncio.sleep(0.5)
    assert not service.ingest.ready
    assert "the spool is full" in (service.ingest.lack or "")
    assert 0 < peak <= bound
    assert service.ingest.room.used < bound
    disk = sum(path.stat().st_size for path in (tmp_path / "spool").rglob("*") if path.is_file())
    assert disk < 20 << 20, "the file and its journal"
    broker = await asyncio.to_thread(fresh_kafka, port=free_port)
    await make_topics(broker.bootstrap_servers)
    await asyncio.gather(*senders)
    await until(lambda: not service.ingest.publisher.spool)
    assert service.ingest.ready
    assert peak <= bound
    assert set(answers) == {202, 503}
    wanted = {f"sender{n}-{number}" for n in range(20) for number in range(25)}
    assert set(await ids_on_topic(read_topic, broker.bootstrap_servers)) == wanted
    assert service.ingest.room.used == 0


async def left_behind(slot: Path, records: list[Record]) -> None:
    """What a process that was killed leaves."""
    await asyncio.to_thread(slot.mkdir, parents=True)
    spool = Spool(slot, bytes_max=1 << 30, age_max_s=3_600.0)
    await spool.open()
    kept = spool.put(records, unknown=False)
    assert isinstance(kept, Kept)
    await kept.done
    await spool.close()


def spooled(number: int, topic: str = "audit-api-calls", size: int = 0) -> Record:
    event = {"eventId": f"left-{number}", "more": "é" * size}
    return Record(topic, b"svc", orjson.dumps(event), [("ce_id", b"x")], b"svc", 1_700_000_000_000)


async def test_a_process_goes_on_with_its_predecessors_spool_and_empties_those_that_nobody_has(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Read, api_call: ApiCall, tmp_path: Path
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    for slot in range(4):
        await left_behind(tmp_path / str(slot), [spooled(slot * 10 + number) for number in range(10)])
    one, two = [await start_service(broker.bootstrap_servers, spool_dir=tmp_path) for _ in range(2)]
    assert [service.ingest.publisher.spool.directory.name for service in (one, two)] == ["0", "1"]
    await until(lambda: not any((tmp_path / slot / FILE).exists() for slot in ("2", "3")))
    await until(lambda: not one.ingest.publisher.spool and not two.ingest.publisher.spool)
    found = await ids_on_topic(read_topic, broker.bootstrap_servers)
    assert sorted(found) == sorted(f"left-{number}" for number in range(40))
    for slot in range(4):
        own = [event_id for event_id in found if event_id in {f"left-{slot * 10 + number}" for number in range(10)}]
        assert own == [f"left-{slot * 10 + number}" for number in range(10)], "in order"
    assert (await one.post(api_call()))[1]["receipts"][0]["status"] == "accepted"


async def test_what_its_topic_refuses_for_good_becomes_a_dead_letter_and_holds_up_nobody(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Read, tmp_path: Path
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers, max_message_bytes="20000")
    noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(20_000))
    large = Record("audit-api-calls", b"svc", noise.encode(), [("ce_id", b"large")], b"svc", 1_700_000_000_000)
    records = [spooled(0), spooled(1), large, spooled(2)]
    await left_behind(tmp_path / "0", records)
    service = await start_service(broker.bootstrap_servers, spool_dir=tmp_path)
    spool = service.ingest.publisher.spool
    await until(lambda: spool.rows == 1)
    assert await ids_on_topic(read_topic, broker.bootstrap_servers) == ["left-0", "left-1", "left-2"]
    assert spool, "it waits for the topic of the dead letters, which is not there yet"
    await make_topics_for_letters(broker.bootstrap_servers)
    await until(lambda: not spool)
    (letter,) = await read_topic(broker.bootstrap_servers, [DEAD_LETTERS])
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["ce_id"]) == (b"svc", large.value, b"large")
    assert headers["carbon-stream-origin-topic"] == b"audit-api-calls"
    assert headers["carbon-stream-reason"] == b"refused-by-broker"


async def make_topics_for_letters(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(DEAD_LETTERS, 2, 1, topic_configs={"max.message.bytes": "2000000"})])
    finally:
        await admin.close()
