"""The service takes what both producer libraries send: each vector is applied, a repeat from the other is one."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from carbon_stream_producer import EventProducer, KafkaSettings, KafkaTransport, flow
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from tests.support.answers import NAMES, eventually
from tests.support.node import built, lines
from tests.support.sdk_vectors import VECTORS, arguments, method_line
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def library() -> Path:
    return built()


def fates(service: Service) -> Counter[str]:
    """Events on the twelve topics that came straight from Kafka, by what became of them."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(service.text("/metrics")):
        for sample in family.samples:
            ours = sample.labels.get("path") == "kafka" and sample.labels.get("topic") in NAMES
            if sample.name == "carbon_stream_events_total" and ours:
                found[sample.labels["result"]] += int(sample.value)
    return found


def unlike(vectors: list[dict[str, Any]], suffix: str) -> list[dict[str, Any]]:
    """The vectors with ids of their own (but those that are about the id), so that none is a repeat."""
    return [
        {**vector, "event": {**vector["event"], "eventId": f"{number}-{suffix}"}}
        for number, vector in enumerate(vectors)
        if vector["name"].rpartition(": ")[2] not in ("longest id", "longest event")
    ]


def by_python(servers: str, vectors: list[dict[str, Any]]) -> None:
    producers: dict[str, EventProducer] = {}
    for vector in vectors:
        event = vector["event"]
        source = event["source"]
        if source not in producers:
            producers[source] = EventProducer(source, transport=KafkaTransport(KafkaSettings(servers)))
        with flow(traceparent=vector.get("traceparent")):
            name = BY_EVENT_TYPE[event["eventType"]].check.__name__
            getattr(producers[source], f"produce_{name}")(**arguments(event))
    for producer in producers.values():
        producer.close(60)
        assert producer.stats().failed == 0


async def test_every_vector_of_both_is_applied_and_a_repeat_of_the_other_counts_once(
    library: Path, service: Service
) -> None:
    servers = service.kafka.bootstrap_servers
    mine, theirs = unlike(VECTORS, "python"), unlike(VECTORS, "node")
    by_python(servers, mine)
    answers = lines(library, "kafka", [method_line(vector) for vector in theirs], KAFKA_BOOTSTRAP_SERVERS=servers)
    assert {answer.get("status") for answer in answers} == {"accepted"}
    both = len(mine) + len(theirs)
    await eventually(lambda: fates(service)["applied"] >= both)
    assert fates(service) == {"applied": both}
    # The same events by the other library: the same source, id and partition, so each is known.
    again = lines(library, "kafka", [method_line(vector) for vector in mine], KAFKA_BOOTSTRAP_SERVERS=servers)
    assert {answer.get("status") for answer in again} == {"accepted"}
    await eventually(lambda: sum(fates(service).values()) >= both + len(mine))
    assert fates(service) == {"applied": both, "duplicate": len(mine)}
    assert service.get("/v1/dead-letters")["deadLetters"] == []
