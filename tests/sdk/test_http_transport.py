"""By HTTP: receipts understood, what may be tried again is, and nothing else is."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from carbon_stream_producer import (
    AsyncEventProducer,
    ConfigurationError,
    DeliveryFailed,
    EventProducer,
    HttpTransport,
    flow,
)
from carbon_stream_producer.transports.http_reply import outcomes, retry_after_s

HEALTH: dict[str, Any] = {
    "service_name": "trino",
    "namespace": "data-platform",
    "health_status": "HEALTHY",
    "latency_ms": 12,
    "error_rate": 0.0,
}
Reply = tuple[int, dict[str, str], dict[str, Any]]
AGAIN = {"status": "rejected", "retriable": True, "errors": [{"pointer": "", "type": "unavailable", "message": "x"}]}
NEVER = {
    "status": "rejected",
    "retriable": False,
    "errors": [{"pointer": "/errorRate", "type": "range", "message": "must be at most 1"}],
}


def taken(count: int) -> list[dict[str, Any]]:
    return [{"status": "accepted", "topic": "system-health", "partition": 1, "offset": at} for at in range(count)]


class Service(ThreadingHTTPServer):
    """Answers as it is told, and remembers what came and when."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[float, str, dict[str, str], list[dict[str, Any]]]] = []
        self.replies: list[Reply | None] = []
        """What the next requests are answered; None closes the connection without an answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/carbon-stream"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        events = [json.loads(line) for line in body.splitlines()]
        self.server.requests.append((time.monotonic(), self.path, dict(self.headers), events))
        reply = self.server.replies.pop(0) if self.server.replies else (202, {}, {"receipts": taken(len(events))})
        if reply is None:
            self.close_connection = True
            return
        status, headers, document = reply
        told = json.dumps(document).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(told))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def producer_to(service: Service, **options: Any) -> EventProducer:
    return EventProducer("svc", transport=HttpTransport(service.url, headers={"apikey": "k"}), **options)


def test_events_share_requests_and_get_their_receipts(service: Service) -> None:
    with producer_to(service) as producer:
        deliveries = [producer.produce_service_health_event(**HEALTH, event_id=f"e-{n}") for n in range(1_200)]
        receipts = [delivery.result(30) for delivery in deliveries]
    assert [receipt.event_id for receipt in receipts] == [f"e-{n}" for n in range(1_200)]
    assert (receipts[0].topic, receipts[0].partition) == ("system-health", 1)
    sent = [event["eventId"] for _, _, _, events in service.requests for event in events]
    assert sent == [f"e-{n}" for n in range(1_200)]
    assert len(service.requests) < 600
    _, path, headers, _ = service.requests[-1]
    assert (path, headers["apikey"]) == ("/api/carbon-stream/v1/events", "k")
    assert headers["Content-Type"].startswith("application/")


def test_only_what_is_marked_retriable_is_sent_again_after_the_time_asked_for(service: Service) -> None:
    service.replies = [(202, {}, {"receipts": taken(1)}), (503, {"Retry-After": "1"}, {"receipts": [AGAIN, NEVER]})]
    with producer_to(service) as producer:
        producer.produce_service_health_event(**HEALTH).result(30)
        with service_paused(producer):
            again = producer.produce_service_health_event(**HEALTH, event_id="again")
            never = producer.produce_service_health_event(**HEALTH, event_id="never")
        assert again.result(30).status == "accepted"
        error = never.exception(30)
    assert error is not None
    assert not error.retriable
    assert [(found.pointer, found.type) for found in error.errors] == [("/errorRate", "range")]
    second, third = service.requests[1:]
    assert [event["eventId"] for event in third[3]] == ["again"]
    assert third[0] - second[0] >= 1.0


class service_paused:  # noqa: N801 - reads as what it does
    """Keeps the transport's thread from taking a batch, so that events go together."""

    def __init__(self, producer: EventProducer) -> None:
        assert isinstance(producer.transport, HttpTransport)
        self._lock = producer.transport._changed

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 429])
def test_a_4xx_is_final_and_asked_once(service: Service, status: int) -> None:
    service.replies = [(status, {}, {"title": "No", "detail": "because"})]
    with producer_to(service) as producer:
        error = producer.produce_service_health_event(**HEALTH).exception(30)
    assert error is not None
    assert not error.retriable
    assert f"answered {status}: because" in str(error)
    assert len(service.requests) == 1


def test_a_lost_answer_and_a_gateways_5xx_are_settled_by_sending_the_same_again(service: Service) -> None:
    service.replies = [None, (502, {}, {}), (503, {}, {}), (202, {}, {"receipts": [{"status": "duplicate"}]})]
    with producer_to(service) as producer:
        receipt = producer.produce_service_health_event(**HEALTH, event_id="once").result(30)
    assert receipt.status == "duplicate"
    assert [events[0]["eventId"] for _, _, _, events in service.requests] == ["once"] * 4


def test_a_service_that_stays_away_fails_the_event_in_time(free_port: int) -> None:
    transport = HttpTransport(f"http://127.0.0.1:{free_port}")
    with EventProducer("svc", transport=transport, delivery_timeout_s=0.5) as producer:
        error = producer.produce_service_health_event(**HEALTH).exception(30)
    assert error is not None
    assert error.retriable


def test_each_trace_has_a_request_of_its_own(service: Service) -> None:
    traces = [f"00-{number:032x}-00f067aa0ba902b7-01" for number in (1, 1, 2)]
    with producer_to(service) as producer, service_paused(producer):
        for trace in traces:
            with flow(traceparent=trace):
                producer.produce_service_health_event(**HEALTH)
    told = [(headers["traceparent"], len(events)) for _, _, headers, events in service.requests]
    assert told == [(traces[0], 2), (traces[2], 1)]


async def test_asyncio_gets_the_same_receipts(service: Service) -> None:
    service.replies = [(422, {}, {"receipts": [NEVER]})]
    async with AsyncEventProducer("svc", transport=HttpTransport(service.url)) as producer:
        with pytest.raises(DeliveryFailed):
            await (await producer.produce_service_health_event(**HEALTH))
        waiting = [await producer.produce_service_health_event(**HEALTH) for _ in range(50)]
        receipts = await asyncio.gather(*waiting)
    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert producer.stats()[:2] == (50, 1)


def test_closing_sends_what_waits(service: Service) -> None:
    producer = producer_to(service)
    deliveries = [producer.produce_service_health_event(**HEALTH) for _ in range(700)]
    producer.close()
    assert all(delivery.result(0).status == "accepted" for delivery in deliveries)


def test_a_request_that_hangs_does_not_hold_up_the_end(service: Service) -> None:
    service.replies = [(202, {"Content-Length": "1000"}, {"receipts": taken(1)})]  # and the rest never comes
    producer = producer_to(service)
    delivery = producer.produce_service_health_event(**HEALTH)
    while not service.requests:
        time.sleep(0.01)
    began = time.monotonic()
    producer.close(timeout=0.1)
    assert time.monotonic() - began < 15
    error = delivery.exception(0)
    assert error is not None
    assert error.retriable


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("999999999", 60.0),
        ("soon", None),
        ("-1", None),
        ("Tue, 24 Nov 2026 05:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 04:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2026, 11, 24, 5, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"receipts": [1]}', b'{"receipts": []}', b'{"receipts": 3}'])
def test_a_202_without_the_receipts_is_never_taken_for_delivered(body: bytes) -> None:
    (outcome,) = outcomes(202, body, ["e"])
    assert isinstance(outcome, DeliveryFailed)


def test_a_token_goes_along_and_a_function_gives_a_fresh_one_after_a_401(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = iter(["old", "fresh"])
    service.replies = [(401, {}, {"title": "Credential refused"})]
    with EventProducer("svc", transport=HttpTransport(service.url, token=lambda: next(tokens))) as producer:
        assert producer.produce_service_health_event(**HEALTH).result(30).status == "accepted"
    assert [headers["Authorization"] for _, _, headers, _ in service.requests] == ["Bearer old", "Bearer fresh"]
    monkeypatch.setenv("CARBON_STREAM_TOKEN", "from-the-environment")
    with EventProducer("svc", transport=HttpTransport(service.url)) as producer:
        producer.produce_service_health_event(**HEALTH).result(30)
    assert service.requests[-1][2]["Authorization"] == "Bearer from-the-environment"


def test_a_fixed_token_that_is_refused_is_final(service: Service) -> None:
    service.replies = [(401, {}, {"title": "Credential refused", "detail": "the key has expired"})]
    with EventProducer("svc", transport=HttpTransport(service.url, token="cs_x")) as producer:
        error = producer.produce_service_health_event(**HEALTH).exception(30)
    assert error is not None
    assert (error.retriable, "the key has expired" in str(error), "cs_x" in str(error)) == (False, True, False)


def test_a_token_function_that_fails_is_asked_again(service: Service) -> None:
    calls: list[int] = []

    def token() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the issuer is away")
        return "t"

    with EventProducer("svc", transport=HttpTransport(service.url, token=token)) as producer:
        assert producer.produce_service_health_event(**HEALTH).result(30).status == "accepted"


@pytest.mark.parametrize("token", ["a\nb", "a b", "schlüssel", "a\r\nX-Consumer-Username: root"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        HttpTransport("http://127.0.0.1:1", token=token)
    assert token not in str(caught.value)
