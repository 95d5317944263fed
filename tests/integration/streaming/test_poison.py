"""Records that cannot be taken: at the size limit, and such as make a row larger than its changelog takes."""

import random
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from tests.support.counting import PARTITIONS, Workers, caught_up, make_topics, origin, read, records_of

pytestmark = pytest.mark.timeout(400)

ROOM_BYTES = 65_536
RECORD_BYTES_MAX = 1_000_000
ROW_BYTES_MAX = 60_000


async def _limit(bootstrap: str, topic: str, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        configs = {"max.message.bytes": str(size)}
        if topic.endswith("changelog"):
            configs["cleanup.policy"] = "compact"
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    finally:
        await admin.close()


@pytest.fixture
async def group(bootstrap_servers: str) -> str:
    name = await make_topics(bootstrap_servers)
    await _limit(bootstrap_servers, f"{name}-a", RECORD_BYTES_MAX)
    await _limit(bootstrap_servers, f"{name}-dead", RECORD_BYTES_MAX + ROOM_BYTES)
    await _limit(bootstrap_servers, f"{name}-counts-changelog", ROW_BYTES_MAX)
    return name


@pytest.fixture
def workers(group: str, bootstrap_servers: str, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(group, bootstrap_servers, tmp_path)
    yield made
    made.stop()


async def _largest(producer: AIOKafkaProducer, topic: str) -> bytes:
    """The largest value that the topic takes, sent to it."""
    for overhead in range(60, 120):
        value = b"x" * (RECORD_BYTES_MAX - overhead)
        try:
            await producer.send_and_wait(topic, value, key=b"k", partition=0)
        except MessageSizeTooLargeError:
            continue
        return value
    raise AssertionError("no record near the limit was taken")


async def test_poison_costs_itself_and_nothing_else(workers: Workers, group: str, bootstrap_servers: str) -> None:
    dice = random.Random(5)
    workers.start(1)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, max_request_size=2_000_000) as producer:
        largest = await _largest(producer, f"{group}-a")
        sent = 1
        for n in range(150):
            # random names do not compress: the row has its limit's size after some fifty of them
            big = {"source": "svc", "user": f"big{dice.randbytes(500).hex()}", "event_id": f"big-{n}"}
            await producer.send(f"{group}-a", orjson.dumps(big), partition=0)
            await producer.send(f"{group}-a", orjson.dumps({"source": "svc", "user": f"u{n % 7}"}), partition=0)
            sent += 2
        await producer.flush()
        await caught_up(workers, sent, 60)
        # and what comes afterwards is taken as ever
        for n in range(7):
            await producer.send_and_wait(
                f"{group}-a", orjson.dumps({"source": "svc", "user": f"u{n}", "event_id": f"after-{n}"}), partition=0
            )
        await caught_up(workers, sent + 7, 30)
    letters = await records_of(bootstrap_servers, f"{group}-dead", 3)
    reasons = {origin(letter): dict(letter.headers)["carbon-stream-reason"].decode() for letter in letters}
    assert len(reasons) == len(letters), "each once"
    refused = [place for place, reason in reasons.items() if reason == "row-too-large"]
    assert [letter.value for letter in letters if origin(letter) == (f"{group}-a", 0, 0)] == [largest]
    rows = {
        orjson.loads(key or b"")[1]: (len(value or b""), orjson.loads(value or b"{}"))
        for _, key, value in await read(bootstrap_servers, f"{group}-counts-changelog", PARTITIONS)
        if (key or b"").startswith((b'["user"', b'["ledger"'))
    }
    size, big_row = rows["big"]
    assert ROW_BYTES_MAX * 0.9 < size < ROW_BYTES_MAX, "as far as it goes"
    assert big_row["n"] + len(refused) == 150
    assert len(refused) > 50
    assert sum(rows[f"u{n}"][1]["n"] for n in range(7)) == 157
    _, ledger = rows[f"{group}-a"]
    assert (ledger["applied"], ledger["dead"]) == (big_row["n"] + 157, 1 + len(refused))
    assert TopicPartition(*refused[0][:2]) == TopicPartition(f"{group}-a", 0)
