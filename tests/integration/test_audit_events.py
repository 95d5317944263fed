"""Searching the audit events on a real broker equals looking at every record, whatever arrives meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.codec import Invalid, decoder
from carbon_stream.errors import ProblemError
from carbon_stream.local import LocalKafka
from carbon_stream.query import audit, audit_events, backwards
from carbon_stream.query.audit_events import AuditEvents, Unavailable
from carbon_stream.query.audit_search import AUDIT_TOPICS, Search
from carbon_stream.query.consumer_pool import Busy

START = 1_790_000_000_000
PARTITIONS = 3
USERS = ("alice", "bob", "cärol", 'da"ve', "x" * 1_000)
RESULTS = ("SUCCESS", "FAILURE", "DENIED")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker whose audit topics hold some 600 records: transactions, repeats, bad ones, tombstones."""
    with LocalKafka(tmp_path_factory.mktemp("events")) as broker:
        asyncio.run(fill(broker.bootstrap_servers))
        yield broker.bootstrap_servers


def event(topic: str, n: int, rng: random.Random) -> dict[str, Any]:
    data: dict[str, Any] = {
        "eventId": f"id-{n if n % 17 else n - 1}",  # some are repeats
        "source": rng.choice(("kong", "portal")),
        "userId": rng.choice(USERS),
        "ipAddress": "unknown",
        "note": {"kept": n},
    }
    if n % 3:
        data["timestamp"] = START + n * 1_000
    if n % 5 == 0:
        data["correlationId"] = f"flow-{n % 3}"
    if topic == "audit-api-calls":
        status, path = rng.choice((200, 302, 401, 404, 500)), rng.choice(("/a", "/a?x=1", "/b"))
        sizes = {"requestSizeBytes": 1, "responseSizeBytes": 1, "latencyMs": 1.5}
        api = {"service": "trino", "endpoint": path, "method": "GET", "statusCode": status}
        return data | {"eventType": "AuditAPICallEvent"} | api | sizes
    data["result"] = rng.choice(RESULTS)
    if topic == "audit-user-actions":
        what = {"username": "n", "action": "LOGIN", "resource": "portal", "resourceType": "app"}
        return data | {"eventType": "AuditUserActionEvent"} | what
    if topic == "audit-data-access":
        return data | {"eventType": "AuditDataAccessEvent", "datasetName": "prices", "operation": "READ"}
    return data | {"eventType": "AuditAdminOperationEvent", "operation": "GRANT"}


async def fill(servers: str, count: int = 600) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    config = {"message.timestamp.type": "LogAppendTime"}
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=config) for topic in AUDIT_TOPICS])
    await admin.close()
    plain = AIOKafkaProducer(bootstrap_servers=servers)
    transactional = AIOKafkaProducer(bootstrap_servers=servers, transactional_id="t", retry_backoff_ms=10)
    await plain.start()
    await transactional.start()
    rng = random.Random(5)
    for n in range(count):
        topic, partition = rng.choice(AUDIT_TOPICS), rng.choice((0, 0, 0, 1))
        value: bytes | None = orjson.dumps(event(topic, n, rng))
        if n % 23 == 0:
            value = rng.choice((None, b"no json", b"\xff", b"{}"))
        if n % 40 == 0:
            await transactional.begin_transaction()
            await transactional.send_and_wait(topic, value, key=b"k", partition=partition)
            await (transactional.abort_transaction() if n % 80 else transactional.commit_transaction())
        else:
            await plain.send(topic, value, key=b"k", partition=partition)
        if n % 50 == 0:
            await plain.flush()
            await asyncio.sleep(0.01)
    await plain.stop()
    await transactional.stop()


async def every_record(servers: str) -> list[ConsumerRecord[bytes, bytes]]:
    consumer = AIOKafkaConsumer(
        *AUDIT_TOPICS, bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        found: list[ConsumerRecord[bytes, bytes]] = []
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def brute_force(servers: str, search: Search) -> list[tuple[str, int, int]]:
    places = []
    for record in await every_record(servers):
        try:
            decoded = decoder(record.topic)(record.value)
        except Invalid:
            continue
        if record.topic in search.topics and search.accepts(record.topic, decoded, record.timestamp):
            places.append((-record.timestamp, record.topic, record.partition, -record.offset))
    return [(topic, partition, -offset) for _, topic, partition, offset in sorted(places)]


@asynccontextmanager
async def searching(servers: str, **options: Any) -> AsyncIterator[AuditEvents]:
    events = AuditEvents({"bootstrap_servers": servers}, **options)
    try:
        yield events
    finally:
        await events.close()


async def all_pages(events: AuditEvents, search: Search, limit: int) -> list[list[dict[str, Any]]]:
    pages = []
    cursor = None
    while True:
        page = await events.page(search, limit, cursor)
        pages.append(page.events)
        cursor = page.next
        if cursor is None:
            return pages


def places(pages: list[list[dict[str, Any]]]) -> list[tuple[str, int, int]]:
    return [(event["topic"], event["partition"], event["offset"]) for page in pages for event in page]


SEARCHES = [
    Search(),
    Search(user="alice"),
    Search(user="cärol", result="FAILURE"),
    Search(user='da"ve'),
    Search(user="x" * 1_000),
    Search(service="trino", result="DENIED"),
    Search(resource="/a"),
    Search(action="GRANT", resource="unknown"),
    Search(event_type="AuditDataAccessEvent"),
    Search(correlation_id="flow-1"),
    Search(event_id="id-33"),
    Search(start=START + 100_000, end=START + 300_000),
    Search(user="nobody"),
]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.digest())
@pytest.mark.parametrize("limit", [1_000, 7])
async def test_paging_equals_looking_at_every_record(
    servers: str, search: Search, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_events, "SCANNED_MAX", 200)  # so that pages end early as well
    async with searching(servers) as events:
        pages = await all_pages(events, search, limit)
    await compare(servers, search, pages)


async def compare(servers: str, search: Search, pages: list[list[dict[str, Any]]]) -> None:
    """All pages are what looking at every record finds, in order, less what is a repeat of an event on its page."""
    expected = await brute_force(servers, search)
    records = {(r.topic, r.partition, r.offset): r for r in await every_record(servers)}
    shown = {place: number for number, page in enumerate(pages) for place in places([page])}
    assert len(shown) == len(places(pages))
    assert [place for place in expected if place in shown] == places(pages)
    on_page = [{identity(records[place]) for place in places([page])} for page in pages]
    assert [len(identities) for identities in on_page] == list(map(len, pages))
    page_before = 0
    for place in expected:
        if place in shown:
            page_before = shown[place]
            continue
        # What was left out between two pages may have been read for either, or for an empty one between them.
        page_after = next(
            (shown[later] for later in expected[expected.index(place) :] if later in shown), len(pages) - 1
        )
        assert any(identity(records[place]) in on_page[number] for number in range(page_before, page_after + 1))


def identity(record: ConsumerRecord[bytes, bytes]) -> tuple[str, str]:
    data = orjson.loads(record.value or b"")
    return data["source"], data["eventId"]


async def test_events_come_as_they_stand_on_the_topic(servers: str) -> None:
    by_place = {(r.topic, r.partition, r.offset): r for r in await every_record(servers)}
    async with searching(servers) as events:
        page = await events.page(Search(), 50, None)
    for shown in page.events:
        place = (shown.pop("topic"), shown.pop("partition"), shown.pop("offset"))
        assert shown == orjson.loads(by_place[place].value or b"")
    assert page.scanned >= 50


async def test_new_events_do_not_disturb_the_pages(servers: str) -> None:
    search = Search(user="bob")
    expected = await brute_force(servers, search)
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    rng = random.Random(1)
    try:
        async with searching(servers) as events:
            first = await events.page(search, 5, None)
            for n in range(20):
                data = event("audit-api-calls", 10_000 + n, rng) | {"userId": "bob"}
                await producer.send_and_wait("audit-api-calls", orjson.dumps(data), partition=n % 3)
            second = await events.page(search, 5, first.next)
            newest = await events.page(search, 20, None)
    finally:
        await producer.stop()
    assert places([first.events, second.events]) == expected[:10]
    assert all(shown["eventId"].startswith("id-10") for shown in newest.events)


async def test_late_events_come_last_where_there_is_much_to_look_at(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(start=START + 100_000, end=START + 300_000)
    expected = await brute_force(servers, search)
    assert len(expected) > 50
    times = {(r.topic, r.partition, r.offset): r.timestamp for r in await every_record(servers)}
    arrived = sorted(times[place] for place in expected)[len(expected) // 2]
    monkeypatch.setattr(audit_events, "SCANNED_MAX", 50)
    monkeypatch.setattr(audit_events, "LATE_MS", arrived - (START + 300_000))
    async with searching(servers) as events:
        found = places(await all_pages(events, search, 11))
    early = [place for place in expected if times[place] < arrived]
    late = [place for place in expected if times[place] >= arrived]
    assert early
    assert late
    assert [place for place in [*early, *late] if place in set(found)] == found
    assert len(set(expected) - set(found)) <= 4  # repeats on one page


async def test_blocks_that_are_too_large_are_cut_and_nothing_is_lost(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backwards, "BLOCK_BYTES_MAX", 2_000)
    monkeypatch.setattr(audit_events, "PAGE_BYTES_MAX", 3_000)
    search = Search(service="trino")
    async with searching(servers) as events:
        pages = await all_pages(events, search, 100)
    await compare(servers, search, pages)
    assert max(map(len, pages)) < 20


async def test_a_cursor_of_another_search_and_nonsense_are_refused(servers: str) -> None:
    async with searching(servers) as events:
        page = await events.page(Search(user="bob"), 1, None)
        assert page.next is not None
        for cursor in (page.next, "nonsense", "!!", "bnVsbA", "W10", page.next[:-4], "ä"):
            with pytest.raises(ProblemError) as refused:
                await events.page(Search(user="alice"), 1, cursor)
            assert refused.value.status == (409 if cursor == page.next else 404)


async def test_more_searches_than_there_are_consumers_are_told_to_come_again(servers: str) -> None:
    async with searching(servers, scans=1) as events, events._pool.consumer():
        with pytest.raises(Busy):
            await events.page(Search(), 1, None)


async def test_without_a_broker_the_search_says_so(free_port: int) -> None:
    async with searching(f"127.0.0.1:{free_port}") as events:
        with pytest.raises(Unavailable):
            await events.page(Search(), 1, None)


async def test_a_search_works_again_once_the_broker_is_back(fresh_kafka: Callable[..., LocalKafka]) -> None:
    broker = fresh_kafka()
    await fill(broker.bootstrap_servers, 40)
    async with searching(broker.bootstrap_servers) as events:
        before = await events.page(Search(), 10, None)
        await asyncio.to_thread(broker.kill, 1)
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await events.page(Search(), 10, None)
        assert time.monotonic() - started < 15
        await asyncio.to_thread(broker.start_node, 1)
        assert (await events.page(Search(), 10, None)).events == before.events


async def test_the_answer_over_http(servers: str) -> None:
    application = web.Application()
    application.add_routes(audit.routes())
    application[audit.AUDIT_EVENTS] = AuditEvents({"bootstrap_servers": servers})
    async with TestClient(TestServer(application)) as client:
        answer = await client.get("/v1/audit/events", params={"user": "alice", "limit": "3", "result": "SUCCESS"})
        body = await answer.json()
    await application[audit.AUDIT_EVENTS].close()
    assert answer.status == 200
    assert set(body) == {"events", "next", "scanned", "skipped"}
    assert len(body["events"]) == 3
    assert {shown["userId"] for shown in body["events"]} == {"alice"}
