"""The Node.js library when brokers are killed, leaders move, and topics refuse: once each, or said with the reason."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from carbon_stream.local import LocalKafka
from tests.conftest import FreshKafka
from tests.support.node import built, clean_environment, run_script

pytestmark = pytest.mark.timeout(300)
TOPIC = "node-trouble"


@pytest.fixture(scope="module")
def library() -> Path:
    return built()


def make_topic(servers: str, name: str, partitions: int = 3, replicas: int = 1, **settings: str) -> None:
    dotted = {key.replace("_", "."): value for key, value in settings.items()}
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, partitions, replicas, config=dotted)])[name].result(30)


async def ids_on(servers: str, topic: str, partitions: int = 3) -> list[str]:
    """The ids on the topic, in their partitions' order."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    found: list[str] = []
    async with AIOKafkaConsumer(bootstrap_servers=servers, fetch_max_wait_ms=50) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        for place, end in (await consumer.end_offsets(places)).items():
            while await consumer.position(place) < end:
                records = (await consumer.getmany(place, timeout_ms=500)).get(place, [])
                found += [orjson.loads(record.value or b"")["eventId"] for record in records]
    return found


STEADY = f"""
import {{ EventProducer }} from '@carbon-stream/producer';
const producer = new EventProducer('svc', {{ deliveryTimeoutMs: 120000 }});
let stop = false;
process.stdin.on('data', () => {{ stop = true; }});
const sent = [];
for (let n = 0; !stop && n < 200000; n += 1) {{
  const event = {{ eventType: 'Mine', eventId: `e-${{n}}` }};
  sent.push(producer.produceCustomEvent('{TOPIC}', event, {{ key: `k-${{n % 30}}` }}));
  if (n === 500) {{ await sent[0]; console.log('ready'); }}
  if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}}
process.stdin.unref();
const results = await Promise.allSettled(sent);
console.log(JSON.stringify([results.length, results.filter((one) => one.status !== 'fulfilled').length]));
await producer.disconnect();
process.exit(0);
"""


class Steady:
    """A process that sends until it is told to stop."""

    def __init__(self, library: Path, servers: str) -> None:
        self._script = STEADY.replace("@carbon-stream/producer", f"{library.as_uri()}/dist/index.mjs")
        self._servers = servers

    async def __aenter__(self) -> "Steady":
        self.process = await asyncio.create_subprocess_exec(
            "node", "--input-type=module", "-e", self._script, stdin=-1, stdout=-1, stderr=-1,
            env=clean_environment(KAFKA_BOOTSTRAP_SERVERS=self._servers),
        )  # fmt: skip
        assert self.process.stdout is not None
        assert await self.process.stdout.readline() == b"ready\n"
        return self

    async def stop(self) -> tuple[int, int]:
        """How many were sent, and how many of them failed."""
        out, errors = await self.process.communicate(b"stop\n")
        assert self.process.returncode == 0, errors.decode()
        sent, failed = orjson.loads(out)
        return sent, failed

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def assert_once_and_in_order(found: list[str], sent: int) -> None:
    assert sorted(found) == sorted(f"e-{number}" for number in range(sent))
    by_key: dict[int, list[int]] = {}
    for event_id in found:
        number = int(event_id.removeprefix("e-"))
        by_key.setdefault(number % 30, []).append(number)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_a_broker_killed_under_load_changes_nothing(library: Path, fresh_kafka: FreshKafka) -> None:
    kafka = fresh_kafka()
    make_topic(kafka.bootstrap_servers, TOPIC)
    async with Steady(library, kafka.bootstrap_servers) as steady:
        await asyncio.to_thread(kafka.kill, 1)
        await asyncio.sleep(1)
        await asyncio.to_thread(kafka.start_node, 1)
        sent, failed = await steady.stop()
    assert failed == 0
    assert_once_and_in_order(await ids_on(kafka.bootstrap_servers, TOPIC), sent)


async def test_leaders_that_move_are_followed(library: Path, fresh_kafka: FreshKafka) -> None:
    kafka = fresh_kafka(nodes=3)
    make_topic(kafka.bootstrap_servers, TOPIC, 3, 3, min_insync_replicas="2")
    async with Steady(library, kafka.bootstrap_servers) as steady:
        await asyncio.to_thread(kafka.stop_node, 1)
        await asyncio.sleep(1)
        await asyncio.to_thread(kafka.start_node, 1)
        await asyncio.to_thread(kafka.kill, 2)
        await asyncio.sleep(2)
        await asyncio.to_thread(kafka.start_node, 2)
        sent, failed = await steady.stop()
    assert failed == 0
    assert_once_and_in_order(await ids_on(kafka.bootstrap_servers, TOPIC), sent)


PAUSED = f"""
import {{ EventProducer }} from '@carbon-stream/producer';
const producer = new EventProducer('svc', {{ deliveryTimeoutMs: 2500, logger: {{ warn() {{}}, error() {{}} }} }});
const send = (eventId) => producer.produceCustomEvent('{TOPIC}', {{ eventType: 'Mine', eventId }}, {{ key: 'k' }});
await send('first');
console.log('paused?');
await new Promise((resolve) => process.stdin.once('data', resolve));
const lost = await Promise.allSettled([send('a'), send('b')]);
console.log(JSON.stringify(lost.map((one) => [one.status, one.reason?.retriable, one.reason?.message])));
await new Promise((resolve) => process.stdin.once('data', resolve));
let again = [];
for (let attempt = 0; attempt < 20 && again[0]?.status !== 'fulfilled'; attempt += 1) {{
  again = await Promise.allSettled([send('c')]);
}}
console.log(JSON.stringify(again.map((one) => one.status)));
process.exit(0);
"""


async def test_a_broker_that_hangs_fails_events_in_time_and_later_ones_are_no_repeats(
    library: Path, fresh_kafka: FreshKafka
) -> None:
    """What was given up may be there all the same; what comes after it must be, under a number of its own."""
    kafka = fresh_kafka()
    make_topic(kafka.bootstrap_servers, TOPIC)
    script = PAUSED.replace("@carbon-stream/producer", f"{library.as_uri()}/dist/index.mjs")
    process = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "-e", script, stdin=-1, stdout=-1,
        env=clean_environment(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        await process.stdout.readline()
        kafka.pause(1)
        process.stdin.write(b"now\n")
        lost = orjson.loads(await process.stdout.readline())
        kafka.resume(1)
        process.stdin.write(b"now\n")
        again = orjson.loads(await process.stdout.readline())
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert [one[:2] for one in lost] == [["rejected", True]] * 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in lost[0][2]
    assert again == ["fulfilled"]
    found = await ids_on(kafka.bootstrap_servers, TOPIC)
    assert {"first", "c"} <= set(found)


def told(library: Path, script: str, servers: str) -> Any:
    done = run_script(library, script, KAFKA_BOOTSTRAP_SERVERS=servers)
    assert done.returncode == 0, done.stderr
    return orjson.loads(done.stdout)


SMALL = """
import { EventProducer } from '@carbon-stream/producer';
const producer = new EventProducer('svc', { logger: { warn() {}, error() {} } });
const noisy = (size) => Array.from({ length: size }, () => Math.random().toString(36).slice(2, 12)).join('');
const send = (eventId, size) => producer.produceCustomEvent('node-small',
  { eventType: 'Mine', eventId, noise: noisy(size) }, { key: 'k' });
const sent = [];
for (let n = 0; n < 60; n += 1) sent.push(send(`s-${n}`, n === 20 ? 9000 : 900));
const results = await Promise.allSettled(sent);
const failed = results.flatMap(({ reason }, at) => reason ? [[at, reason.retriable, reason.message]] : []);
const offsets = results.flatMap((one) => one.status === 'fulfilled' ? [one.value.offset] : []);
console.log(JSON.stringify([failed, offsets]));
await producer.disconnect();
"""


async def test_a_batch_that_a_topic_finds_too_large_goes_in_parts_and_an_event_is_refused(
    library: Path, broker: LocalKafka
) -> None:
    make_topic(broker.bootstrap_servers, "node-small", 1, max_message_bytes="40000")
    failed, offsets = told(library, SMALL, broker.bootstrap_servers)
    assert [(at, retriable) for at, retriable, _ in failed] == [(20, False)]
    assert "MESSAGE_TOO_LARGE" in failed[0][2]
    assert offsets == list(range(59))
    assert await ids_on(broker.bootstrap_servers, "node-small", 1) == [f"s-{n}" for n in range(60) if n != 20]


UNKNOWN = """
import { EventProducer } from '@carbon-stream/producer';
const producer = new EventProducer('svc', { deliveryTimeoutMs: 1500, logger: { warn() {}, error() {} } });
const sent = [producer.produceCustomEvent('node-no-such-topic', { eventType: 'Mine' }),
  producer.produceSecurityEvent({ category: 'x', severity: 'LOW' })];
const [lost, kept] = await Promise.allSettled(sent);
console.log(JSON.stringify([lost.reason.retriable, lost.reason.message, kept.status]));
await producer.disconnect();
"""


def test_a_topic_that_is_not_there_is_said_and_holds_nobody_up(library: Path, broker: LocalKafka) -> None:
    retriable, message, other = told(library, UNKNOWN, broker.bootstrap_servers)
    assert retriable is True
    assert "Unknown topic node-no-such-topic; has the topic been created (carbon-stream bootstrap" in message
    assert other == "fulfilled"
