"""The Node.js library on real brokers: the vectors arrive byte for byte, and nothing that was reported is lost."""

import signal
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.local import LocalKafka
from carbon_stream_producer import Receipt
from tests.support.loads import run_load
from tests.support.node import built, clean_environment, lines, run_script
from tests.support.sdk_broker import at_offsets, compare, records_of
from tests.support.sdk_vectors import VECTORS, means_the_same, method_line

pytestmark = pytest.mark.timeout(300)

HEALTH = "{ serviceName: 'trino', namespace: 'n', healthStatus: 'HEALTHY', latencyMs: 12, errorRate: 0 }"


@pytest.fixture(scope="module")
def library() -> Path:
    return built()


def receipt_of(answer: dict[str, Any]) -> Receipt:
    assert answer.get("status") == "accepted", answer
    return Receipt(answer["eventId"], answer["status"], answer["topic"], answer["partition"], answer["offset"])


async def test_vectors_are_the_services_records(library: Path, broker: LocalKafka) -> None:
    given = [method_line(vector) for vector in VECTORS]
    answers = lines(library, "kafka", given, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
    receipts = [receipt_of(answer) for answer in answers]
    for vector, receipt, record in zip(VECTORS, receipts, await at_offsets(broker, receipts), strict=True):
        compare(vector, receipt, record, means_the_same)


def test_events_without_a_key_spread_and_repeat_in_one_place(library: Path, broker: LocalKafka) -> None:
    event = {"category": "network", "severity": "LOW"}
    given = [
        {"event": event | {"eventId": f"keyless-{number}"}, "type": "SecurityEvent", "source": "svc"}
        for number in range(60)
    ]
    places = [
        [answer["partition"] for answer in lines(library, "kafka", given, KAFKA_BOOTSTRAP_SERVERS=servers)]
        for servers in (broker.bootstrap_servers,) * 2
    ]
    assert places[0] == places[1]
    assert set(places[0]) == set(range(6))


LOAD = """
import { openSync, writeSync } from 'node:fs';
import { EventProducer } from '@carbon-stream/producer';
const [told, prefix, count] = process.argv.slice(2);
const out = openSync(told, 'a');
const producer = new EventProducer('svc');
process.stdout.write('ready\\n');
for (let number = 0; number < Number(count); number += 1) {
  const eventId = `${prefix}-${number}`;
  producer.produceServiceHealthEvent({ serviceName: `s-${number % 50}`, namespace: 'n', healthStatus: 'HEALTHY',
    latencyMs: number, errorRate: 0, eventId }, { onDelivery: (error) => error ?? writeSync(out, `${eventId}\\n`) });
  if (number % 100 === 0) await new Promise(setImmediate);
  await producer.room();
}
"""


async def load(
    library: Path, broker: LocalKafka, folder: Path, prefix: str, count: int, *, kill: bool
) -> tuple[int, str, list[str]]:
    told, script = folder / "told", folder / "load.mjs"
    script.write_text(LOAD.replace("@carbon-stream/producer", str(library / "dist/index.mjs")))
    environment = clean_environment(KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
    return await run_load(
        ["node", str(script), str(told), prefix, str(count)], told, kill=kill, environment=environment
    )


async def test_sigterm_under_load_loses_nothing_that_was_reported_nor_what_waited(
    library: Path, broker: LocalKafka, tmp_path: Path
) -> None:
    status, errors, told = await load(library, broker, tmp_path, "node", 10_000_000, kill=True)
    assert (status, errors) == (-signal.SIGTERM, "")
    arrived = await records_of(broker, {f"node-{number}" for number in range(len(told) + 200_000)})
    # Whatever was taken is there, without a gap: the signal let it be delivered, and be reported.
    assert set(told) == arrived.keys()
    assert sorted(int(event_id.rpartition("-")[2]) for event_id in arrived) == list(range(len(arrived)))


async def test_a_normal_end_without_disconnect_delivers_everything(
    library: Path, broker: LocalKafka, tmp_path: Path
) -> None:
    status, errors, told = await load(library, broker, tmp_path, "node-normal", 5_000, kill=False)
    assert (status, errors) == (0, "")
    assert len(told) == 5_000
    assert len(await records_of(broker, {f"node-normal-{number}" for number in range(5_000)})) == 5_000


EXITS = f"""
import {{ getEventProducer }} from '@carbon-stream/producer';
const producer = getEventProducer('svc');
for (let n = 0; n < 3; n += 1) producer.produceServiceHealthEvent({HEALTH});
process.exit(3);
"""


def test_an_exit_that_waits_for_nothing_tells_what_is_lost(library: Path, broker: LocalKafka) -> None:
    done = run_script(library, EXITS, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
    assert done.returncode == 3
    assert "3 events of svc were not delivered: the process ended before" in done.stderr


AWAY = f"""
import {{ EventProducer }} from '@carbon-stream/producer';
const producer = new EventProducer('svc', {{ deliveryTimeoutMs: 1000 }});
await producer.connect();
const sent = [producer.produceServiceHealthEvent({HEALTH}),
  producer.produceSecurityEvent({{ category: 'x', severity: 'LOW' }})];
for (const one of await Promise.allSettled(sent)) console.log(one.status, one.reason.retriable, one.reason.message);
await producer.disconnect();
"""


def test_without_a_broker_events_fail_in_time_and_say_what_to_look_at(library: Path, free_port: int) -> None:
    done = run_script(library, AWAY, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port}")
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) == 2
    for line in told:
        assert line.startswith("rejected true event")
        assert "KAFKA_BOOTSTRAP_SERVERS" in line


SMALL = f"""
import {{ EventProducer }} from '@carbon-stream/producer';
const producer = new EventProducer('svc', {{ bufferEvents: 20 }});
let most = 0;
for (let n = 0; n < 400; n += 1) {{
  await producer.room();
  producer.produceServiceHealthEvent({HEALTH});
  most = Math.max(most, producer.stats().pending);
}}
const left = await producer.flush(60000);
console.log(JSON.stringify([most, left, producer.stats()]));
"""


def test_a_small_buffer_lets_everything_through_in_turn(library: Path, broker: LocalKafka) -> None:
    done = run_script(library, SMALL, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
    expected = '[20,0,{"delivered":400,"failed":0,"refused":0,"pending":0,"pendingBytes":0}]'
    assert done.stdout.strip() == expected, done.stderr
