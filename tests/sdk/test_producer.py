"""What a producer does, whatever carries its events."""

import io
import logging
import threading
import time
from collections.abc import Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_type

import pytest

import carbon_stream_producer as sdk
from carbon_stream_producer import (
    AuditAPICallEvent,
    BufferFull,
    ColumnMapping,
    ConfigurationError,
    ConsoleTransport,
    DataLineageEvent,
    Delivery,
    DeliveryFailed,
    DeploymentEvent,
    EventProducer,
    InvalidEvent,
    NoopTransport,
    ProducerClosed,
    Receipt,
    RecordingTransport,
    caused_by,
    flow,
    get_event_producer,
)
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Done

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HEALTH: dict[str, Any] = {
    "service_name": "trino",
    "namespace": "data-platform",
    "health_status": "HEALTHY",
    "latency_ms": 12,
    "error_rate": 0.0,
}


class Held(NoopTransport):
    """Keeps deliveries open until they are let go."""

    def __init__(self) -> None:
        self.open_ones: list[tuple[Record, Done]] = []

    def send(self, record: Record, done: Done) -> None:
        self.open_ones.append((record, done))

    def let_go(self, count: int) -> None:
        for _ in range(count):
            record, done = self.open_ones.pop(0)
            done(Receipt(record.event_id))

    def close(self, timeout_s: float) -> None:
        for record, done in self.open_ones:
            done(DeliveryFailed(record.event_id, "closed", retriable=True))


@pytest.fixture
def recording() -> RecordingTransport:
    return RecordingTransport()


def test_the_envelope_is_filled_in(recording: RecordingTransport) -> None:
    before = time.time_ns() // 1_000_000
    with EventProducer("svc", transport=recording) as producer:
        delivery = producer.produce_service_health_event(**HEALTH, extra={"zone": "a"})
    (event,) = recording.events
    assert delivery.result().event_id == event["eventId"] == event["correlationId"]
    assert before <= event["timestamp"] <= time.time_ns() // 1_000_000
    assert (event["source"], event["version"], event["zone"]) == ("svc", "1.0.0", "a")
    assert "message" not in event
    assert "causationId" not in event


def test_an_objects_event_is_the_methods_event(recording: RecordingTransport) -> None:
    mapping = ColumnMapping(source_column="a", target_column="b")
    told: dict[str, Any] = {
        "source_dataset": "raw",
        "target_dataset": "mart",
        "transformation_type": "COPY",
        "transformation_name": "copy",
        "event_id": "e-1",
        "timestamp": datetime(2026, 11, 24, tzinfo=UTC),
    }
    with EventProducer("svc", transport=recording) as producer:
        producer.produce(DataLineageEvent(**told, columns=(mapping,)))
        producer.produce_data_lineage_event(**told, columns=[{"sourceColumn": "a", "targetColumn": "b"}])
        producer.produce(
            DeploymentEvent(
                version="2.1", deployment_name="d", namespace="n", action="SCALE", replicas=2, deployed_by="me"
            )
        )
    first, second, deployment = recording.records
    assert first == second
    assert b'"version":"2.1"' in deployment.value


@pytest.mark.parametrize(
    ("wrong", "pointer", "words"),
    [
        ({"latency_ms": "12"}, "/latencyMs", "latency_ms (/latencyMs) must be a number"),
        ({"health_status": "healthy"}, "/healthStatus", "did you mean HEALTHY?"),
        ({"timestamp": 1_764_000_000}, "/timestamp", "multiply by 1000"),
        ({"timestamp": datetime(2026, 1, 1)}, "/timestamp", "time zone"),  # noqa: DTZ001 - what is wrong with it
        ({"error_rate": float("nan")}, "/errorRate", "finite"),
        ({"extra": {"latencyMs": 3}}, "/latencyMs", "pass it as latency_ms="),
        ({"extra": {"cost": Decimal(1)}}, "/cost", "Decimal"),
        ({"extra": {"deep": [float("inf")]}}, "/deep/0", "finite"),
        ({"extra": {"half": "\ud83d"}}, "/half", "surrogate"),
        ({"extra": {"map": {1: 2}}}, "/map", "key that is no string"),
    ],
)
def test_a_refusal_names_the_field_and_the_fix(wrong: dict[str, Any], pointer: str, words: str) -> None:
    with EventProducer("svc", transport="noop") as producer:
        with pytest.raises(InvalidEvent) as refused:
            producer.produce_service_health_event(**{**HEALTH, **wrong})
        assert [error.pointer for error in refused.value.errors] == [pointer]
        assert words in str(refused.value)
        assert (producer.stats().refused, producer.stats().pending) == (1, 0)


def test_flow_cause_and_trace_come_from_the_callers_context(recording: RecordingTransport) -> None:
    with EventProducer("svc", transport=recording) as producer:
        with flow(correlation_id="c-1", traceparent=TRACE):
            producer.produce_service_health_event(**HEALTH)
            with caused_by({"eventId": "e-0", "correlationId": "c-0"}):
                context = copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: producer.produce_service_health_event(**HEALTH),))
        thread.start()
        thread.join()
        with flow(traceparent=TRACE):
            producer.produce_service_health_event(**HEALTH)
        with flow(traceparent="00-not-valid-01"):
            producer.produce_service_health_event(**HEALTH)
    first, second, third, fourth = recording.events
    assert (first["correlationId"], first.get("causationId")) == ("c-1", None)
    assert (second["correlationId"], second["causationId"]) == ("c-0", "e-0")
    assert third["correlationId"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert fourth["correlationId"] == fourth["eventId"]
    told = [dict(record.headers).get("traceparent") for record in recording.records]
    assert told == [TRACE.encode()] * 3 + [None]


def test_a_tracing_library_may_be_asked_for_the_trace(recording: RecordingTransport) -> None:
    with EventProducer("svc", transport=recording, traceparent=lambda: TRACE) as producer:
        producer.produce_service_health_event(**HEALTH)
    assert recording.events[0]["correlationId"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_full_buffer_fails_at_once_or_blocks_until_a_deadline() -> None:
    held = Held()
    for block_s in (0.0, 0.2):
        producer = EventProducer("svc", transport=held, buffer_events=2, max_block_s=block_s)
        for _ in range(2):
            producer.produce_service_health_event(**HEALTH)
        began = time.monotonic()
        with pytest.raises(BufferFull, match="buffer_events"):
            producer.produce_service_health_event(**HEALTH)
        assert time.monotonic() - began >= block_s
        assert producer.stats().pending == 2
        held.let_go(2)
        producer.close()


def test_a_blocked_sender_goes_on_when_there_is_room() -> None:
    held = Held()
    producer = EventProducer("svc", transport=held, buffer_events=10, buffer_bytes=3_000, max_block_s=30)
    producer.produce_service_health_event(**HEALTH, message="x" * 2_500)
    timer = threading.Timer(0.1, held.let_go, (1,))
    timer.start()
    producer.produce_service_health_event(**HEALTH)
    assert producer.stats()[:2] == (1, 0)
    held.let_go(1)
    producer.close()


def test_closing_ends_every_delivery_and_takes_no_more(caplog: pytest.LogCaptureFixture) -> None:
    producer = EventProducer("svc", transport=Held())
    delivery = producer.produce_service_health_event(**HEALTH)
    with pytest.raises(TimeoutError):
        delivery.result(0)
    producer.close(timeout=0)
    producer.close()
    with pytest.raises(DeliveryFailed):
        delivery.result(0)
    with pytest.raises(ProducerClosed):
        producer.produce_service_health_event(**HEALTH)
    assert "1 events of svc could not be delivered" in caplog.text
    assert producer.stats().failed == 1


def test_callbacks_get_the_delivery_and_cannot_stop_it(
    recording: RecordingTransport, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Delivery] = []

    def bad(delivery: Delivery) -> None:
        raise ValueError("mine")

    recording.fail_next("broker away")
    with EventProducer("svc", transport=recording) as producer:
        failed = producer.produce_service_health_event(**HEALTH, on_delivery=seen.append)
        producer.produce_service_health_event(**HEALTH, on_delivery=bad)
        failed.add_done_callback(seen.append)
        error = failed.exception()
    assert seen == [failed, failed]
    assert error is not None
    assert error.retriable
    assert "same event_id" in str(error)
    assert "mine" in caplog.text
    assert producer.stats()[:2] == (1, 1)


def test_the_logger_can_be_replaced(recording: RecordingTransport) -> None:
    stream = io.StringIO()
    mine = logging.getLogger("a service of mine")
    mine.addHandler(logging.StreamHandler(stream))
    recording.fail_next("why not", times=100)
    with EventProducer("svc", transport=recording, logger=mine) as producer:
        for _ in range(100):
            producer.produce_service_health_event(**HEALTH)
    assert stream.getvalue().count("why not") == 1


@pytest.mark.parametrize(
    ("topic", "event", "key", "pointer"),
    [
        ("system-health", {"eventType": "SecurityEvent"}, None, "/eventType"),
        ("my-topic", {"eventType": "SecurityEvent"}, None, "/eventType"),
        ("system-health", {"eventType": "Mine"}, None, "/eventType"),
        ("my-topic", {}, None, "/eventType"),
        ("my-topic", {"eventType": "Mine", "timestamp": 5}, None, "/timestamp"),
        ("security-events", {"category": "x", "severity": "LOW"}, "other", ""),
    ],
)
def test_a_custom_event_on_the_wrong_topic_is_refused(
    topic: str, event: Mapping[str, Any], key: str | None, pointer: str
) -> None:
    with EventProducer("svc", transport="noop") as producer, pytest.raises(InvalidEvent) as refused:
        producer.produce_custom_event(topic, event, key=key)
    assert refused.value.errors[0].pointer == pointer


def test_a_custom_event_goes_to_a_topic_of_ones_own(recording: RecordingTransport) -> None:
    with EventProducer("svc", transport=recording) as producer:
        producer.produce_custom_event("my-topic", {"eventType": "Mine", "a": None}, key="k")
        producer.produce_custom_event("security-events", {"category": "x", "severity": "LOW", "eventId": None})
    mine, security = recording.records
    assert (mine.topic, mine.key, mine.event_type) == ("my-topic", b"k", "Mine")
    assert recording.events[0]["a"] is None
    assert (security.key, security.spread) == (None, security.event_id.encode())


def test_the_console_shows_topic_key_and_event() -> None:
    stream = io.StringIO()
    with EventProducer("svc", transport=ConsoleTransport(stream)) as producer:
        producer.produce_service_health_event(**HEALTH)
    assert stream.getvalue().startswith('system-health trino {"eventId":"')


def test_a_service_has_one_producer_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_TRANSPORT", "noop")
    monkeypatch.setenv("SERVICE_NAME", "from-environment")
    first = get_event_producer()
    assert first.service == "from-environment"
    assert get_event_producer("from-environment") is first
    with pytest.raises(ConfigurationError):
        get_event_producer("from-environment", max_block_s=1)
    first.close()
    second = get_event_producer()
    assert second is not first
    second.close()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "KAFKA_BOOTSTRAP_SERVERS must be set"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "https://gateway"}, "KAFKA_BOOTSTRAP_SERVERS must be .* not 'https://gateway'"),
        ({"KAFKA_BOOTSTRAP_SERVERS": " , "}, "KAFKA_BOOTSTRAP_SERVERS must be"),
        ({"CARBON_STREAM_TRANSPORT": "pigeon"}, "there is no transport 'pigeon'"),
        ({"CARBON_STREAM_TRANSPORT": "http"}, "CARBON_STREAM_URL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_BOOTSTRAP_SERVERS": "a:1"}, "KAFKA_SASL_USERNAME"),
        ({"KAFKA_SASL_USERNAME": "a", "KAFKA_BOOTSTRAP_SERVERS": "a:1"}, "KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": "/no", "KAFKA_BOOTSTRAP_SERVERS": "a:1"},
            "KAFKA_SSL_CA_LOCATION: there is no readable file /no",
        ),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "CARBON_STREAM_URL", "CARBON_STREAM_TRANSPORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=words):
        EventProducer("svc")


def test_brokers_may_have_spaces_between_and_no_port() -> None:
    settings = sdk.KafkaSettings("a:1, b , ")
    assert settings.for_librdkafka()["bootstrap.servers"] == "a:1,b"
    assert settings.for_aiokafka()["bootstrap_servers"] == ["a:1", "b"]


def test_no_secret_is_shown() -> None:
    settings = sdk.KafkaSettings(
        "a:1", "SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_username="u", sasl_password="pw-1"
    )
    assert "pw-1" not in f"{settings!r} {settings}"


def test_types_are_those_of_the_contract() -> None:
    with EventProducer("svc", transport="noop") as producer:
        assert_type(producer.produce_service_health_event(**HEALTH), Delivery)
        assert_type(producer.stats(), sdk.Stats)
        with pytest.raises(InvalidEvent):
            producer.produce_service_health_event(
                service_name=3,  # type: ignore[arg-type]  # what is shown: a type checker finds it
                namespace="n",
                health_status="FINE",  # type: ignore[arg-type]  # as above
                latency_ms=1,
                error_rate=0,
            )
        with pytest.raises(TypeError):
            producer.produce_service_health_event(service_name="a")  # type: ignore[call-arg]  # as above
    assert_type(AuditAPICallEvent.KIND.topic, str)
