"""From POST to answer: events are posted one by one at a steady pace, and some are asked for until they are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, cycle
from typing import Any

import aiohttp

from bench.events import api_calls
from bench.figures import Figure, Part, percentile
from bench.options import Options
from bench.place import Server, place
from bench.processes import Failed

Say = Callable[[str], None]
Seen = Callable[[aiohttp.ClientSession, str], Awaitable[bool]]

POLL_S = 0.005
PAUSE_S = 0.05
SEEN_S_MAX = 30.0
SETTLE_S = 2.0
_MARKED = "bench-marker"


async def run(options: Options, say: Say) -> Part:
    """The whole service in one process; markers of three kinds take turns, on top of a steady load."""
    async with place() as where, where.served("worker") as server:
        say(f"{options.markers} markers at {options.load_per_s} events/s")
        async with aiohttp.ClientSession() as session:
            await _post(session, server, [_action(f"seed-{number}") for number in range(1_000)])
            load = asyncio.create_task(_load(session, server, options.load_per_s))
            try:
                await asyncio.sleep(SETTLE_S)
                acknowledged, times = await _markers(session, server, options.markers)
            finally:
                load.cancel()
                posted = await load
    figures = [Figure("load posted", posted, "events/s"), *_figures("POST to acknowledgement", acknowledged)]
    for kind, values in times.items():
        figures += _figures(f"POST to answer, {kind}", values)
    figures += _figures("POST to answer, all", [value for values in times.values() for value in values])
    return Part("latency", [], figures)


def _figures(name: str, seconds: list[float]) -> list[Figure]:
    shares = (("median", 0.5), ("p99", 0.99))
    return [Figure(f"{name}, {told}", percentile(seconds, share) * 1e3, "ms") for told, share in shares]


async def _load(session: aiohttp.ClientSession, server: Server, per_s: int) -> float:
    """Post events one by one, none waiting for another, until cancelled; returns how many a second it has been."""
    began = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()
    posted = 0
    try:
        for seed in count():
            for event in api_calls(10_000, seed):
                early = began + posted / per_s - time.perf_counter()
                if early > 0:
                    await asyncio.sleep(early)
                task = asyncio.create_task(_post(session, server, event))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                posted += 1
    except asyncio.CancelledError:
        seconds = time.perf_counter() - began
        await asyncio.gather(*under_way)
        return posted / seconds
    raise AssertionError("the load has no end")


async def _markers(
    session: aiohttp.ClientSession, server: Server, number: int
) -> tuple[list[float], dict[str, list[float]]]:
    """Times to the acknowledgement, and by kind of query to the first answer that has the event."""
    acknowledged: list[float] = []
    times: dict[str, list[float]] = {}
    for place_in_line, (kind, event, is_seen) in zip(range(number), _kinds(), strict=False):
        began = time.perf_counter()
        posting = asyncio.create_task(_timed_post(session, server, event))
        while not await is_seen(session, server.url):
            if time.perf_counter() - began > SEEN_S_MAX:
                raise Failed(f"marker {place_in_line} ({kind}) was not seen within {SEEN_S_MAX:g} s")
            await asyncio.sleep(POLL_S)
        times.setdefault(kind, []).append(time.perf_counter() - began)
        acknowledged.append(await posting)
        await asyncio.sleep(PAUSE_S)
    return acknowledged, times


def _kinds() -> Iterator[tuple[str, dict[str, Any], Seen]]:
    """Events, each with the question that shows whether it has arrived."""
    for number, kind in zip(count(1), cycle(("audit summary", "service health", "dataset"))):
        if kind == "audit summary":
            yield kind, _action(f"marker-{number}"), _counted(1_000 + (number + 2) // 3)
        elif kind == "service health":
            health = _health(number)
            yield kind, health, _seen_at(health["timestamp"])
        else:
            yield kind, _ingestion(number), _ingested(number // 3)


def _action(event_id: str) -> dict[str, Any]:
    return {
        **_envelope("AuditUserActionEvent", event_id),
        "userId": _MARKED,
        "username": "Marker",
        "action": "LOGIN",
        "resource": "portal",
        "resourceType": "site",
        "result": "SUCCESS",
        "ipAddress": "10.20.0.1",
    }


def _health(number: int) -> dict[str, Any]:
    return {
        **_envelope("ServiceHealthEvent", f"health-{number}"),
        "serviceName": _MARKED,
        "namespace": "bench",
        "healthStatus": "HEALTHY",
        "latencyMs": 12.5,
        "errorRate": 0.0,
    }


def _ingestion(number: int) -> dict[str, Any]:
    return {
        **_envelope("DataIngestionEvent", f"ingestion-{number}"),
        "datasetName": _MARKED,
        "recordCount": 1,
        "sizeBytes": 100,
        "format": "parquet",
        "location": "s3://lake/marker",
        "status": "SUCCESS",
    }


def _envelope(event_type: str, event_id: str) -> dict[str, Any]:
    return {
        "eventType": event_type,
        "eventId": event_id,
        "timestamp": time.time_ns() // 1_000_000,
        "source": "bench",
        "version": "1.0.0",
    }


def _counted(expected: int) -> Seen:
    """The marked user is by far the busiest, so one group is enough to ask for."""

    async def is_seen(session: aiohttp.ClientSession, url: str) -> bool:
        found = await _get(session, f"{url}/v1/audit/summary?by=user&limit=1")
        groups = found["groups"]
        return bool(groups) and groups[0]["key"] == _MARKED and groups[0]["count"] >= expected

    return is_seen


def _seen_at(timestamp: int) -> Seen:
    async def is_seen(session: aiohttp.ClientSession, url: str) -> bool:
        found = await _get(session, f"{url}/v1/health/services/bench/{_MARKED}")
        return bool(found) and found["lastSeen"] >= timestamp

    return is_seen


def _ingested(expected: int) -> Seen:
    async def is_seen(session: aiohttp.ClientSession, url: str) -> bool:
        found = await _get(session, f"{url}/v1/datasets/{_MARKED}")
        return bool(found) and found["ingestion"]["recordCount24h"] >= expected

    return is_seen


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    """The answer; an empty one where nothing is known of what was asked for yet."""
    async with session.get(url) as answer:
        if answer.status == 404:
            return {}
        answer.raise_for_status()
        return await answer.json()


async def _timed_post(session: aiohttp.ClientSession, server: Server, event: dict[str, Any]) -> float:
    """Seconds to the acknowledgement."""
    began = time.perf_counter()
    await _post(session, server, event)
    return time.perf_counter() - began


async def _post(session: aiohttp.ClientSession, server: Server, events: Any) -> None:
    async with session.post(f"{server.url}/v1/events", json=events) as answer:
        if answer.status != 202:
            raise Failed(f"an event was answered {answer.status}: {(await answer.text())[:500]}")
        await answer.read()
