"""Whatever is sent, the answer is well-formed, never a 500, and accounts for every event."""

import asyncio
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.cloudevents import CORE
from carbon_stream.ingest import routes, service
from carbon_stream.ingest.delivery import Delivery, Failed
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.service import INGEST
from carbon_stream.routing import Record
from carbon_stream.settings import Settings
from tests.support.applications import answering

STATUSES = {202, 400, 413, 415, 422, 503}
MEDIA_TYPES = ["application/json", "application/x-ndjson"]
CLOUDEVENTS = ["application/cloudevents+json", "application/cloudevents-batch+json"]


class FlakyPublisher(Publisher):
    """Every third record fails, every sixth for good; keeps the others."""

    def __init__(self) -> None:
        self.taken: list[Record] = []
        self._seen = 0

    def join(self, record: Record) -> None:
        pass

    async def submit(self, records: list[Record], *, gathers: bool = False) -> Delivery:
        delivery = Delivery(records)
        for index, record in enumerate(records):
            self._seen += 1
            if self._seen % 3:
                delivery.store([index], 1, len(self.taken))
                self.taken.append(record)
            else:
                delivery.fail([index], Failed(self._seen % 6 == 0, "as told"))
        return delivery


class Door:
    """The application on a socket, driven from synchronous tests."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.publisher = FlakyPublisher()

    async def open(self) -> None:
        ingest = service.compose(Settings(max_body_bytes=100_000, max_batch_events=50))
        ingest.publisher = self.publisher
        self.ingest = ingest
        application = answering()
        application[INGEST] = ingest
        application.add_routes(routes.routes())
        self._web = web.AppRunner(application, auto_decompress=False)
        await self._web.setup()
        await web.TCPSite(self._web, "127.0.0.1", 0).start()
        self._client = aiohttp.ClientSession()
        self._url = f"http://127.0.0.1:{self._web.addresses[0][1]}"

    async def close(self) -> None:
        await self._client.close()
        await self._web.cleanup()

    def post(self, body: bytes, headers: dict[str, str], path: str = "/v1/events") -> tuple[int, Any, Any]:
        return self.runner.run(self._post(body, headers, path))

    async def _post(self, body: bytes, headers: dict[str, str], path: str) -> tuple[int, Any, Any]:
        async with self._client.post(self._url + path, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, orjson.loads(await answer.read() or b"{}"), answer.headers


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with asyncio.Runner() as runner:
        door = Door(runner)
        runner.run(door.open())
        yield door
        runner.run(door.close())


def check(door: Door, status: int, answer: Any, headers: Any) -> None:
    assert status in STATUSES, answer
    assert door.ingest.room.used == 0
    if status != 202:
        assert headers["Content-Type"] == "application/problem+json"
        assert answer["status"] == status
    assert ("Retry-After" in headers) == (status == 503)
    receipts = answer.get("receipts")
    if receipts is None:
        assert status in (400, 413, 415)
        return
    accepted = [receipt for receipt in receipts if receipt["status"] == "accepted"]
    again = [receipt for receipt in receipts if receipt.get("retriable")]
    assert (answer["accepted"], answer["rejected"]) == (len(accepted), len(receipts) - len(accepted))
    assert (status == 503) == bool(again)
    if status == 202:
        assert accepted
    if status == 422:
        assert not accepted
    for receipt in receipts:
        if receipt["status"] == "accepted":
            assert set(receipt) == {"eventId", "status", "topic", "partition", "offset"}
        else:
            assert {"status", "retriable", "errors"} <= set(receipt) <= {"eventId", "status", "retriable", "errors"}
            assert receipt["errors"]
            assert all(set(error) == {"pointer", "type", "message"} for error in receipt["errors"])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(
    ["eventId", "timestamp", "source", "version", "correlationId", "context", "datasetName", "statusCode", "result"]
)
ALMOST = st.fixed_dictionaries(
    {"eventType": st.sampled_from([*BY_EVENT_TYPE, "Other"]), "source": st.text(max_size=5)},
    optional={},
).flatmap(lambda base: st.dictionaries(NAMES, ANYTHING, max_size=4).map(lambda more: {**base, **more}))
VALID = st.fixed_dictionaries(
    {
        "eventType": st.just("DeploymentEvent"),
        "source": st.text(min_size=1, max_size=20, alphabet=st.characters(exclude_categories=["Cs"])),
        "deploymentName": st.text(min_size=1, max_size=20, alphabet=st.characters(exclude_categories=["Cs"])),
        "namespace": st.just("n"),
        "action": st.sampled_from(["DEPLOY", "ROLLBACK", "SCALE", "RESTART"]),
        "version": st.text(max_size=5, alphabet=st.characters(exclude_categories=["Cs"])),
        "replicas": st.integers(0, 9) | st.just(3.0),
        "deployedBy": st.just("x"),
    },
    optional={
        "eventId": st.none() | st.uuids().map(str),
        "context": ANYTHING,
        "timestamp": st.none(),
        "more": ANYTHING,
    },
)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from([*MEDIA_TYPES, *CLOUDEVENTS, "text/plain", "application/json; charset=utf-16"]),
    coding=st.sampled_from(["identity", "gzip", "deflate", "zstd", "br", ""]),
)
def test_any_bytes(door: Door, body: bytes, kind: str, coding: str) -> None:
    check(door, *door.post(body, {"Content-Type": kind, "Content-Encoding": coding}))


@SLOW
@given(value=ANYTHING | st.lists(ALMOST | VALID | ANYTHING, max_size=60), ndjson=st.booleans(), zipped=st.booleans())
def test_any_json(door: Door, value: Any, ndjson: bool, zipped: bool) -> None:
    many = ndjson and isinstance(value, list)
    text = "\n".join(map(json.dumps, value)) if many else json.dumps(value)
    body = text.encode()
    status, answer, headers = door.post(
        gzip.compress(body) if zipped else body,
        {"Content-Type": MEDIA_TYPES[ndjson], **({"Content-Encoding": "gzip"} if zipped else {})},
    )
    check(door, status, answer, headers)
    if many and "receipts" in answer:
        assert len(answer["receipts"]) == len(value)


ATTRIBUTES = st.dictionaries(
    st.sampled_from([*CORE, "data", "data_base64", "traceparent", "correlationid", "ext"]) | st.text(max_size=4),
    ANYTHING
    | st.sampled_from(["1.0", "x.DeploymentEvent", "application/json"])
    | st.sampled_from(["2026-11-24T04:30:00Z", "9999-12-31T23:59:60-23:59", "0001-01-01t00:00:00.1+23:59"]),
)
CLOUD = st.builds(
    lambda data, more: {
        "specversion": "1.0", "id": "i", "source": "s", "type": "DeploymentEvent", "data": data, **more
    },
    VALID.map(lambda event: {name: value for name, value in event.items() if name not in ("eventId", "source")}),
    ATTRIBUTES,
)  # fmt: skip


@SLOW
@given(events=st.lists(CLOUD | ATTRIBUTES | ANYTHING, max_size=8), strict=st.booleans(), batch=st.booleans())
def test_any_cloudevents(door: Door, events: list[Any], strict: bool, batch: bool) -> None:
    body = json.dumps(events if batch or not events else events[0]).encode()
    before = len(door.publisher.taken)
    prefer = {"Prefer": "handling=strict"} if strict else {}
    status, answer, headers = door.post(body, {"Content-Type": CLOUDEVENTS[batch], **prefer})
    check(door, status, answer, headers)
    if strict and batch and status == 422:
        assert len(door.publisher.taken) == before
    for record in door.publisher.taken[before:]:
        codec.decoder(record.topic)(record.value)


@settings(max_examples=100, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "ce-subject", "ce-x", "ce-a_b"]),
        st.sampled_from(["1.0", "DeploymentEvent", "%E4%BD%A0", "%ff%00", '"', '"\\"', "%"])
        | st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20),
        min_size=1,
    ),
    body=st.just(b"") | ANYTHING.map(lambda value: json.dumps(value).encode()),
)
def test_any_binary_cloudevent(door: Door, headers: dict[str, str], body: bytes) -> None:
    check(door, *door.post(body, {"Content-Type": "application/json", **headers}))


SOURCES = ["/v1/sources/kong", "/api/v1/lineage", "/api/v1/lineage/batch"]
MEMBERS = st.sampled_from(
    [
        "request",
        "response",
        "latencies",
        "service",
        "route",
        "consumer",
        "started_at",
        "headers",
        "status",
        "uri",
        "size",
        "run",
        "job",
        "dataset",
        "inputs",
        "outputs",
        "facets",
        "eventTime",
        "producer",
        "schemaURL",
        "name",
        "namespace",
    ]
)
DOCUMENTS = st.recursive(
    ANYTHING | st.just("2026-11-24T04:30:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=6),
    max_leaves=25,
)


@SLOW
@given(path=st.sampled_from(SOURCES), document=DOCUMENTS | st.binary(max_size=100))
def test_anything_to_the_sources(door: Door, path: str, document: Any) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    before = len(door.publisher.taken)
    status, answer, headers = door.post(body, {"Content-Type": "application/json"}, path)
    assert status in STATUSES | {200, 201}, answer
    assert door.ingest.room.used == 0
    assert ("Retry-After" in headers) == (status == 503)
    for record in door.publisher.taken[before:]:
        codec.decoder(record.topic)(record.value)


@SLOW
@given(events=st.lists(VALID, min_size=1, max_size=8))
def test_what_is_taken_is_what_was_sent_and_reads_back(door: Door, events: list[dict[str, Any]]) -> None:
    before = len(door.publisher.taken)
    body = [json.dumps(event) for event in events]
    status, answer, headers = door.post(f"[{','.join(body)}]".encode(), {"Content-Type": "application/json"})
    check(door, status, answer, headers)
    if status == 400:
        return  # a NaN, or half a surrogate pair
    taken = iter(door.publisher.taken[before:])
    for event, receipt in zip(events, answer["receipts"], strict=True):
        if receipt["status"] != "accepted":
            continue
        record = next(taken)
        stored = codec.decoder(record.topic)(record.value)
        assert stored.event_id == receipt["eventId"] == (event.get("eventId") or receipt["eventId"])
        data = orjson.loads(record.value)
        kept = {name: value for name, value in event.items() if name != "context" and value is not None}
        assert {name: data[name] for name in kept} == json.loads(json.dumps(kept))
        if event.get("context") is not None:
            assert data["context"]["claimed"] == json.loads(json.dumps(event["context"]))
    assert next(taken, None) is None


@settings(max_examples=100, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["X-Consumer-Username", "X-Forwarded-For", "X-Request-Id", "traceparent", "User-Agent", "Content-Encoding"]
        ),
        st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=50),
    )
)
def test_any_headers(door: Door, headers: dict[str, str]) -> None:
    check(door, *door.post(b"{}", {"Content-Type": "application/json", **headers}))
