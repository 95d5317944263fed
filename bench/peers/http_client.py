"""Posts prepared requests over keep-alive connections, one after the other on each, and checks every answer.

With `per_s` they are posted at that pace, and each one's time counts from when it was due, not from when a connection
was free for it. Reads and writes bytes of its own, because an HTTP library would take more of the machine than what it
measures.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
import uvloop

from bench.events import api_calls
from bench.figures import percentile
from bench.peers.frame import answer, arguments, wait_for_go

_WARM_REQUESTS = 0.1


class Pace:
    """When the next request is due, by the clock of `time.perf_counter`; at once where there is no pace."""

    def __init__(self, per_s: float) -> None:
        self._every_s = 1 / per_s if per_s else 0.0
        self._due = time.perf_counter()

    def next(self) -> float:
        """Each time it is asked, one request further."""
        if not self._every_s:
            return time.perf_counter()
        self._due += self._every_s
        return self._due


class Connection(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last one is whole, and not before it is due."""

    def __init__(self, requests: deque[bytes], pace: Pace, ended: asyncio.Future[None], expected: bytes) -> None:
        self._requests, self._pace, self._ended, self._expected = requests, pace, ended, expected
        self._answer = b""
        self._due = 0.0
        self.times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is none by its class
        self._next()

    def _next(self) -> None:
        if not self._requests:
            self._transport.close()
            return
        request, self._due = self._requests.popleft(), self._pace.next()
        early_s = self._due - time.perf_counter()
        if early_s > 0:
            asyncio.get_running_loop().call_later(early_s, self._transport.write, request)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer, or all of it."""
        self._answer += data
        head_end = self._answer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        if not self._answer.startswith(b"HTTP/1.1 202 "):
            self._fail(f"was answered {self._answer[:300]!r}")
            return
        at = self._answer.lower().index(b"content-length:", 0, head_end) + 15
        length = int(self._answer[at : self._answer.index(b"\r", at)])
        if len(self._answer) < head_end + 4 + length:
            return
        if not self._answer.startswith(self._expected, head_end + 4):
            self._fail(f"was answered {self._answer[head_end : head_end + 300]!r}")
            return
        self.times.append(time.perf_counter() - self._due)
        self._answer = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        """All answered, or broken."""
        if not self._ended.done():
            self._ended.set_result(None)

    def _fail(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_exception(RuntimeError(why))
        self._transport.abort()


def prepared(told: dict[str, Any]) -> deque[bytes]:
    """Requests as bytes; no two have an event in common."""
    size: int = told["batch"]
    events = [orjson.dumps(event) for event in api_calls(told["requests"] * size, seed=told["seed"])]
    bodies = (
        events if size == 1 else (b"[" + b",".join(events[at : at + size]) + b"]" for at in range(0, len(events), size))
    )
    head = f"POST /v1/events HTTP/1.1\r\nHost: {urlsplit(told['url']).netloc}\r\nContent-Type: application/json\r\n"
    return deque(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)


def _same(connection: Connection) -> Connection:
    return connection


async def post(told: dict[str, Any], requests: deque[bytes], per_s: float = 0.0) -> list[float]:
    """Post all requests; returns how long each took, seconds."""
    loop = asyncio.get_running_loop()
    host, port = urlsplit(told["url"]).hostname, urlsplit(told["url"]).port
    connections, ended, pace = [], [], Pace(per_s)
    for _ in range(told["connections"]):
        end: asyncio.Future[None] = loop.create_future()
        connection = Connection(requests, pace, end, told["expected"].encode())
        await loop.create_connection(partial(_same, connection), host, port)
        connections.append(connection)
        ended.append(end)
    await asyncio.gather(*ended)
    return [seconds for connection in connections for seconds in connection.times]


async def main(told: dict[str, Any]) -> None:
    """Warm up, say so, and post when told to."""
    requests = prepared(told)
    total = len(requests)
    await post(told, deque(requests.popleft() for _ in range(max(1, int(total * _WARM_REQUESTS)))))
    total = len(requests)
    wait_for_go()
    wall, cpu = time.perf_counter(), time.process_time()
    times = await post(told, requests, told["per_s"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert len(times) == total, "a connection was closed before its time"
    percentiles = {name: percentile(times, share) * 1e3 for name, share in (("p50", 0.5), ("p99", 0.99))}
    answer({"requests": total, "wall_s": wall, "cpu_s": cpu, "ms": percentiles})


if __name__ == "__main__":
    uvloop.run(main(arguments()))
