"""What the broker was given, read from its own log: compressed with lz4, by an idempotent producer, several at once."""

import struct
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from carbon_stream.local import LocalKafka
from carbon_stream_producer import AiokafkaTransport, AsyncEventProducer, EventProducer, KafkaSettings, KafkaTransport
from tests.support.node import built, run_script

pytestmark = pytest.mark.timeout(300)

EVENTS: Final = 500
LZ4: Final = 3
NODE: Final = f"""
import {{ EventProducer }} from '@carbon-stream/producer';
const producer = new EventProducer('svc');
for (let n = 0; n < {EVENTS}; n += 1)
  producer.produceCustomEvent('by-node', {{ eventType: 'Mine', eventId: `e-${{n}}` }}, {{ key: 'one' }});
console.log(await producer.flush(90_000));
await producer.disconnect();
"""


class Batch(NamedTuple):
    """Of the header of a record batch, format 2."""

    records: int
    codec: int
    producer_id: int


def topic_of(broker: LocalKafka, name: str) -> str:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1, config={"compression.type": "producer"})])[name].result(60)
    return name


def batches(broker: LocalKafka, topic: str) -> list[Batch]:
    """The batches in the topic's only segment, as they were appended."""
    (path,) = Path(broker.data_dir).rglob(f"{topic}-0/*.log")
    raw, place, found = path.read_bytes(), 0, []
    while place + 61 <= len(raw):
        # base offset, length, leader epoch, format, CRC, attributes, last offset's distance, two times, producer id
        _, length, _, form, _, attributes, last, _, _, producer_id = struct.unpack_from(">qiibIhiqqq", raw, place)
        if length == 0:
            break  # room that the broker has set aside
        assert form == 2
        found.append(Batch(last + 1, attributes & 7, producer_id))
        place += 12 + length
    return found


def assert_as_promised(found: list[Batch]) -> None:
    assert sum(batch.records for batch in found) == EVENTS
    assert {batch.codec for batch in found} == {LZ4}
    assert len({batch.producer_id for batch in found}) == 1
    assert found[0].producer_id >= 0  # -1 is that of a producer that is not idempotent
    assert len(found) < EVENTS


def test_librdkafka(broker: LocalKafka) -> None:
    topic = topic_of(broker, "by-librdkafka")
    with EventProducer("svc", transport=KafkaTransport(KafkaSettings(broker.bootstrap_servers))) as producer:
        for number in range(EVENTS):
            producer.produce_custom_event(topic, {"eventType": "Mine", "eventId": f"e-{number}"}, key="one")
        assert producer.flush(90) == 0
    assert_as_promised(batches(broker, topic))


async def test_aiokafka(broker: LocalKafka) -> None:
    topic = topic_of(broker, "by-aiokafka")
    transport = AiokafkaTransport(KafkaSettings(broker.bootstrap_servers))
    async with AsyncEventProducer("svc", transport=transport) as producer:
        for number in range(EVENTS):
            await producer.produce_custom_event(topic, {"eventType": "Mine", "eventId": f"e-{number}"}, key="one")
        assert await producer.flush(90) == 0
    assert_as_promised(batches(broker, topic))


def test_node(broker: LocalKafka) -> None:
    library, topic = built(), topic_of(broker, "by-node")
    done = run_script(library, NODE, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert_as_promised(batches(broker, topic))
