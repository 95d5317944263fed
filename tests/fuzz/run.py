"""A run: requests by number from a seed, some at a time, and then what must be on the topics."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson
import psutil

from carbon_stream.contracts.names import DEAD_LETTERS
from tests.fuzz.documents import KINDS
from tests.fuzz.drawing import draw
from tests.fuzz.holding import Promised
from tests.fuzz.wire import exchange
from tests.support import brute_force
from tests.support.answers import NAMES, settled, summaries_equal
from tests.support.service import Service

TOKEN = "s3cret-for-tests"
ENVIRONMENT = {
    "CARBON_STREAM_ADMIN_TOKEN": TOKEN,
    "CARBON_STREAM_REQUEST_TIMEOUT_S": "2",
    "CARBON_STREAM_MAX_BODY_BYTES": str(4 << 20),
    "CARBON_STREAM_REPEAT_WINDOW_EVENTS": "2000",
}
WARM_SHARE = 0.4
"""So much of a run is over before memory is looked at: until then everything that is bounded fills."""
GROWTH_BYTES_MAX = 64 << 20
TOGETHER = 12
WORKER, DOOR = 1, 2
INGEST = (sys.executable, "-m", "carbon_stream.cli", "ingest")
ASKED = ("read", "replay")
"""Kinds of requests that are the worker's."""

Say = Callable[[str], None]


@dataclass
class Watched:
    """What a process holds, at the first look and at the last one."""

    process: psutil.Process
    rss: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.rss.append(self.process.memory_info().rss)
        self.descriptors.append(self.process.num_fds())


def start(service: Service) -> None:
    """A worker, which is asked, and a process that only takes events, whose memory does not follow their number."""
    service.start(WORKER)
    service.wait_ready(WORKER)
    service.start(DOOR, INGEST)
    service.wait_ready(DOOR)


async def run(service: Service, seed: int, requests: int | float, say: Say) -> Promised:
    """Sends `requests` of them, or as many as fit into minus so many seconds. Raises AssertionError."""
    promised = Promised()
    watched = Watched(psutil.Process(service.processes[DOOR].pid))
    began = time.monotonic()
    numbers = _numbers(requests, began)
    progress = Counter[str]()

    async def send() -> None:
        for which in numbers:
            drawn = draw(seed, which, TOKEN)
            try:
                port = service.ports[WORKER if drawn.kind in ASKED else DOOR]
                promised.hold(drawn, await exchange(port, drawn.frame))
            except Exception as error:
                text = b"".join(drawn.frame.parts)[:600]
                raise AssertionError(f"request {which} of seed {seed}, {drawn.kind}: {error!r}\n{text!r}") from error
            progress["sent"] += 1
            if progress["sent"] % 250 == 0:
                watched.look()

    async with asyncio.TaskGroup() as group:
        for _ in range(TOGETHER):
            group.create_task(send())
    took = time.monotonic() - began
    watched.look()
    say(f"{progress['sent']} requests in {took:.0f} s; receipts {dict(promised.receipts)}")
    for kind in (*KINDS, "read"):
        say(f"  {kind}: { {status: n for (k, status), n in sorted(promised.statuses.items()) if k == kind} }")
    _hold_memory(watched, say)
    await _hold_topics(service, promised, say)
    for number in service.processes:
        await _hold_nothing_left(service, number)
    return promised


def _numbers(requests: int | float, began: float) -> Iterator[int]:
    for number in count():
        if (number >= requests) if requests > 0 else (time.monotonic() - began > -requests):
            return
        yield number


def _hold_memory(watched: Watched, say: Say) -> None:
    warm = int(len(watched.rss) * WARM_SHARE)
    grown = watched.rss[-1] - max(watched.rss[: warm + 1])
    say(f"resident: {[size >> 20 for size in watched.rss[:: max(1, len(watched.rss) // 12)]]} MiB, grown {grown >> 20}")
    assert grown < GROWTH_BYTES_MAX, f"memory grew by {grown:,} bytes: {watched.rss}"


async def _hold_topics(service: Service, promised: Promised, say: Say) -> None:
    records = await brute_force.read(service.kafka.bootstrap_servers, NAMES)
    at = {(record.topic, record.partition, record.offset): orjson.loads(record.value)["eventId"] for record in records}
    for place, event_id in promised.places.items():
        assert at[place] == event_id, place
    lost = promised.ids - set(at.values())
    assert not lost, f"{len(lost)} were acknowledged and are on no topic: {sorted(lost)[:5]}"
    say(f"{len(promised.ids)} events acknowledged, all of them on their topics, {len(records)} records")
    await settled(service)
    await summaries_equal(service)
    dead = await brute_force.read(service.kafka.bootstrap_servers, [DEAD_LETTERS])
    reasons = [dict(record.headers).get("reason") for record in dead[:5]]
    assert not dead, f"{len(dead)} events were taken by the one door and refused by the other: {reasons}"


async def _hold_nothing_left(service: Service, number: int) -> None:
    """Nothing is in work any more, no connection is open, and nothing has failed in a way that only the log knows."""
    deadline = time.monotonic() + 60
    while _gauge(service.text("/metrics", number)) > 0:
        assert time.monotonic() < deadline, "bytes are still in work"
        await asyncio.sleep(0.5)
    process = psutil.Process(service.processes[number].pid)
    while held := [one for one in process.net_connections("tcp") if _ours(one, service.ports[number])]:
        assert time.monotonic() < deadline, held
        await asyncio.sleep(0.5)
    log = service.log(number)
    assert "Traceback" not in log, log[max(0, log.index("Traceback") - 500) :][:3_000]


def _ours(connection: Any, port: int) -> bool:
    return bool(connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == port)


def _gauge(metrics: str) -> float:
    lines = [line for line in metrics.splitlines() if line.startswith("carbon_stream_ingest_inflight_bytes")]
    assert lines, "the gauge is there"
    return sum(float(line.split()[-1]) for line in lines)
