"""The demo reaches its end whatever happens on the way, and what it reports is what is on the topics."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer, TopicPartition

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.codec import Invalid
from carbon_stream.demo import play as play_module
from carbon_stream.demo.play import Play
from carbon_stream.settings import Settings
from carbon_stream.web.application import ingest_application
from carbon_stream.web.server import listening

Serving = Callable[[Callable[[Settings], web.Application], Settings], AbstractAsyncContextManager[ClientSession]]


def make_play(url: str, settings: Settings, count: int, rate: float = 0, stop: asyncio.Event | None = None) -> Play:
    told: list[str] = []
    return Play(url, settings.kafka_client(), rate=rate, count=count, seed=5, say=told.append, stop=stop)


async def counted(settings: Settings) -> tuple[Counter[str], int]:
    """Brute force: distinct valid events by topic, and how many records are none."""
    events: Counter[str] = Counter()
    refused = 0
    seen: set[tuple[str, str]] = set()
    async with AIOKafkaConsumer(**settings.kafka_client(), group_id=None, auto_offset_reset="earliest") as consumer:
        places = [TopicPartition(topic.name, n) for topic in TOPICS for n in range(topic.partitions)]
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, 0)
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=1_000)).get(place, []):
                    try:
                        event = codec.decoder(place.topic)(record.value)
                    except Invalid:
                        refused += 1
                        continue
                    identity = (event.source, str(event.event_id))
                    events[place.topic] += identity not in seen
                    seen.add(identity)
    return events, refused


async def test_the_report_is_what_is_on_the_topics(serving: Serving, settings: Settings) -> None:
    before, refused_before = await counted(settings)
    async with serving(ingest_application, settings) as session:
        tally = await make_play(str(session._base_url), settings, 1_500).run()
    after, refused_after = await counted(settings)
    assert tally.surprises == 0
    assert tally.total == 1_500
    assert after - before == tally.by_type
    assert refused_after - refused_before == tally.on_kafka["refused"] > 0
    assert tally.answered["rejected"] > 0
    assert tally.repeats > 0
    assert set(tally.by_library) == {topic.name for topic in TOPICS}
    assert tally.undelivered == 0
    assert (
        f"delivered {sum(tally.by_library.values())} of those on Kafka by the producer library, of 12 types; 0 failed"
        in (tally.lines())
    )


class Moody:
    """A service that refuses, half takes, hangs up and takes events by turns."""

    def __init__(self) -> None:
        self.requests = 0
        self.ids: list[str] = []

    def application(self) -> web.Application:
        application = web.Application(client_max_size=16 << 20)
        application.add_routes([web.post("/v1/events", self.take)])
        return application

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self.requests % 4 == 1:
            return web.json_response({"title": "Unavailable"}, status=503, headers={"Retry-After": "0"})
        if self.requests % 4 == 2:
            assert request.transport is not None
            request.transport.close()
        receipts = [self.receipt(line, self.requests % 4 == 3) for line in await _lines(request)]
        again = any(receipt.get("retriable") for receipt in receipts)
        return web.json_response({"receipts": receipts}, status=503 if again else 202, headers={"Retry-After": "0"})

    def receipt(self, line: bytes, fails: bool) -> dict[str, Any]:
        event = orjson.loads(line)
        try:
            codec.validate(event)
        except Invalid as invalid:
            errors = [{"pointer": e.pointer, "type": e.type, "message": e.message} for e in invalid.errors]
            return {"status": "rejected", "retriable": False, "errors": errors}
        if fails and len(self.ids) % 2:
            return {"status": "rejected", "retriable": True, "errors": [{"type": "unavailable"}]}
        self.ids.append(event["eventId"])
        return {"status": "accepted", "eventId": event["eventId"]}


async def _lines(request: web.Request) -> list[bytes]:
    body = await request.read()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if body.startswith(b"["):
        return [orjson.dumps(event) for event in orjson.loads(body)]
    return body.splitlines()


async def test_what_may_be_tried_again_is_tried_until_it_is_answered(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(play_module, "_BACKOFF_S", (0.01,))
    moody = Moody()
    async with listening(moody.application(), "127.0.0.1", 0) as url:
        tally = await make_play(url, settings, 120).run()
    assert tally.waits > 0
    assert tally.surprises == 0
    by_http = tally.sent["http"] + tally.sent["http-alone"]
    assert tally.answered["accepted"] + tally.answered["rejected"] == by_http > 0


async def test_it_waits_for_a_service_that_is_not_there_yet(settings: Settings, free_port: int) -> None:
    play = asyncio.create_task(make_play(f"http://127.0.0.1:{free_port}", settings, 60).run())
    await asyncio.sleep(1)
    assert not play.done()
    async with listening(ingest_application(settings), "127.0.0.1", free_port):
        tally = await asyncio.wait_for(play, 60)
    assert (tally.total, tally.surprises) == (60, 0)
    assert tally.waits > 0


async def test_it_stops_at_once_when_told_to_even_while_it_waits(settings: Settings, free_port: int) -> None:
    stop = asyncio.Event()
    play = asyncio.create_task(make_play(f"http://127.0.0.1:{free_port}", settings, 0, stop=stop).run())
    await asyncio.sleep(1)
    stop.set()
    tally = await asyncio.wait_for(play, 60)
    assert tally.waits > 0


async def test_a_rate_is_kept_for_as_long_as_it_plays(serving: Serving, settings: Settings) -> None:
    stop = asyncio.Event()
    async with serving(ingest_application, settings) as session:
        asyncio.get_running_loop().call_later(3, stop.set)
        tally = await make_play(str(session._base_url), settings, 0, rate=40, stop=stop).run()
    assert 60 <= tally.total <= 125
