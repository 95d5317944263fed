"""Dead letters that mention somebody go, all others stay as they were, each once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.erasure import letters
from carbon_stream.erasure.mention import mentions
from tests.support import brute_force

ANN = mentions("ann")
Letter = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


@pytest.fixture
async def topic(bootstrap_servers: str) -> str:
    name = f"dead-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 3, 1)])
    finally:
        await admin.close()
    return name


@pytest.fixture
async def producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as made:
        yield made


async def fill(producer: AIOKafkaProducer, topic: str, count: int, every: int) -> None:
    """Letters on three partitions; one in `every` is about ann, in its value, key or headers by turns."""
    for number in range(count):
        key: bytes | None = b"k%d" % number
        value: bytes | None = b'{"userId":"bob","n":%d}' % number
        headers = [("carbon-stream-reason", b"invalid"), ("x", b"%d" % number)]
        if number % every == 0:
            about = number // every % 3
            key = b"ann" if about == 0 else key
            value = b'{"userId":"ann"' if about == 1 else value
            headers += [("carbon-stream-error", b"/userId: ann is unknown")] if about == 2 else []
        elif number % 7 == 0:
            key = value = None
            key = b""
        await producer.send(topic, value, key, number % 3, headers=headers)
    await producer.flush()


async def held(bootstrap: str, topic: str) -> list[Letter]:
    records = await brute_force.read(bootstrap, [topic])
    return [
        (record.key, record.value, tuple((n, v) for n, v in record.headers if n != "carbon-stream-moved-from"))
        for record in records
    ]


def sorted_by_repr(found: list[Letter]) -> list[Letter]:
    return sorted(found, key=repr)


def without_ann(found: list[Letter]) -> list[Letter]:
    return [one for one in found if not ANN([one[0], one[1], *(value for _, value in one[2])])]


async def test_what_mentions_her_is_gone_and_all_else_is_there_once(
    bootstrap_servers: str, topic: str, producer: AIOKafkaProducer
) -> None:
    kafka = {"bootstrap_servers": bootstrap_servers}
    await fill(producer, topic, 300, 10)
    before = await held(bootstrap_servers, topic)
    found = await letters.find(kafka, topic, ANN)
    assert sum(one.gone for one in found) == 30
    assert sorted_by_repr(await held(bootstrap_servers, topic)) == sorted_by_repr(before), "looking changes nothing"

    assert await letters.erase(kafka, topic, ANN, f"erase-{topic}") == 30
    after = await held(bootstrap_servers, topic)
    assert sorted_by_repr(after) == sorted_by_repr(without_ann(before))
    assert await letters.erase(kafka, topic, ANN, f"erase-{topic}") == 0
    assert sorted_by_repr(await held(bootstrap_servers, topic)) == sorted_by_repr(after)


async def test_what_was_cut_short_before_the_deletion_is_finished_without_doubles(
    bootstrap_servers: str, topic: str, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka = {"bootstrap_servers": bootstrap_servers}
    await fill(producer, topic, 120, 5)
    before = await held(bootstrap_servers, topic)

    async def cut(*_: object) -> None:
        raise ConnectionError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr(letters, "_delete", cut)
        with pytest.raises(ConnectionError):
            await letters.erase(kafka, topic, ANN, f"erase-{topic}")
    assert len(await held(bootstrap_servers, topic)) > len(before)
    await fill(producer, topic, 20, 4)  # the service goes on meanwhile
    await letters.erase(kafka, topic, ANN, f"erase-{topic}")
    expected = [*without_ann(before), *without_ann(await _filled(20, 4))]
    assert sorted_by_repr(await held(bootstrap_servers, topic)) == sorted_by_repr(expected)


async def _filled(count: int, every: int) -> list[Letter]:
    """What `fill` sends."""
    sent: list[Letter] = []

    class Noting:
        async def send(
            self, _: str, value: bytes | None, key: bytes | None, __: int, headers: list[tuple[str, bytes]]
        ) -> None:
            sent.append((key, value, tuple(headers)))

        async def flush(self) -> None:
            await asyncio.sleep(0)

    await fill(Noting(), "", count, every)
    return sent
