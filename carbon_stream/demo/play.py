"""Plays the scenario against a running service: HTTP requests, Kafka records, and patience while either is away."""

import asyncio
import gzip
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from carbon_stream.demo.library import LibraryWay
from carbon_stream.demo.scenario import CYCLE_STEPS, Scenario
from carbon_stream.demo.step import Expected, Step, Way
from carbon_stream.demo.tally import Tally
from carbon_stream.errors import OperatorError
from carbon_stream_producer import DeliveryFailed

_BATCH_EVENTS: Final = 100
_BATCH_SECONDS: Final = 0.25
_IN_FLIGHT: Final = 500
_BACKOFF_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
_SHORTEST_CYCLE: Final = 600
_REQUEST_SECONDS: Final = 60

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The play was stopped while it waited for the service."""


class Play:
    """One play. `count` 0 means until `stop` is set; `rate` is events a second, 0 as fast as they are taken."""

    def __init__(
        self,
        url: str,
        kafka: Mapping[str, Any],
        *,
        rate: float,
        count: int,
        seed: int,
        say: Callable[[str], None],
        stop: asyncio.Event | None = None,
        token: str | None = None,
    ) -> None:
        cycle = max(_SHORTEST_CYCLE, min(CYCLE_STEPS, count)) if count else CYCLE_STEPS
        self._steps = Scenario(seed, lambda: time.time_ns() // 1_000_000, cycle).steps()
        self._events_url = url.rstrip("/") + "/v1/events"
        self._kafka = dict(kafka)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._rate, self._count, self._say = rate, count, say
        self._stop = stop or asyncio.Event()
        self._batch: list[Step] = []
        self._unacknowledged: set[asyncio.Future[Any]] = set()
        self._away = False
        self._library: LibraryWay | None = None
        self.tally = Tally()

    async def run(self) -> Tally:
        """Play to the end. Raises aiohttp.InvalidURL for a URL that is none."""
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        # Idempotent as the platform's libraries are: a repeat is one that the scenario means.
        producer = AIOKafkaProducer(**self._kafka, acks="all", enable_idempotence=True, linger_ms=10)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            try:
                await self._connect(producer)
                self._library = LibraryWay(self._kafka)
                await self._play(session, producer)
            except Stopped:
                pass
            finally:
                if self._library is not None:
                    await self._library.close()
                await producer.stop()
        return self.tally

    async def _connect(self, producer: AIOKafkaProducer) -> None:
        attempt = 0
        while True:
            try:
                await producer.start()
            except KafkaError as error:
                await self._wait(attempt, f"Kafka is away ({type(error).__name__})")
                attempt += 1
            else:
                self._back()
                return

    async def _play(self, session: aiohttp.ClientSession, producer: AIOKafkaProducer) -> None:
        started = batch_since = time.monotonic()
        number = 0
        while not self._stop.is_set() and (not self._count or number < self._count):
            step = next(self._steps)
            number += 1
            if step.told:
                self._say(step.told)
            if step.way is Way.KAFKA:
                await self._produce(producer, step)
            elif step.way is Way.HTTP_ALONE:
                await self._post(session, [step])
            else:
                self._batch.append(step)
            if len(self._batch) >= _BATCH_EVENTS or time.monotonic() - batch_since > _BATCH_SECONDS:
                await self._post_batch(session)
                batch_since = time.monotonic()
            if self._rate:
                early = started + number / self._rate - time.monotonic()
                if early > 0:
                    await asyncio.sleep(early)
                elif early < -1:  # the service was away: go on from here, and make nothing up for lost time
                    started -= early
        await self._post_batch(session)
        if self._unacknowledged:
            await asyncio.wait(self._unacknowledged, timeout=_REQUEST_SECONDS)

    async def _produce(self, producer: AIOKafkaProducer, step: Step) -> None:
        """Send without waiting for the broker, but not more than so many ahead of it."""
        future: asyncio.Future[Any] | None = None
        attempt = 0
        by_library = self._library is not None and self._library.takes(step)
        while future is None:
            try:
                if by_library and self._library is not None:
                    future = await self._library.send(step)
                else:
                    future = await producer.send(step.topic, step.value, key=step.key)
            except (KafkaError, DeliveryFailed) as error:
                await self._wait(attempt, f"Kafka is away ({type(error).__name__})")
                attempt += 1
        self._back()
        self._unacknowledged.add(future)
        future.add_done_callback(lambda done: self._produced(done, step, by_library))
        if len(self._unacknowledged) >= _IN_FLIGHT:
            await asyncio.wait(self._unacknowledged, return_when=asyncio.FIRST_COMPLETED)

    def _produced(self, future: asyncio.Future[Any], step: Step, by_library: bool) -> None:
        self._unacknowledged.discard(future)
        self.tally.sent[Way.KAFKA] += 1
        failed = future.cancelled() or future.exception() is not None
        if by_library:
            self.tally.by_library[step.topic] += not failed
            self.tally.undelivered += failed
        if failed:
            self.tally.surprises += 1
            return
        self.tally.on_kafka[step.expected] += 1
        self._count_step(step)

    async def _post_batch(self, session: aiohttp.ClientSession) -> None:
        if self._batch:
            steps, self._batch = self._batch, []
            await self._post(session, steps)

    async def _post(self, session: aiohttp.ClientSession, steps: list[Step]) -> None:
        """Post until every event has an answer that is final; what may be tried again is tried again."""
        self.tally.sent[steps[0].way] += len(steps)
        attempt = 0
        while steps:
            body, headers = _body(steps, self.tally.requests)
            self.tally.requests += 1
            try:
                async with session.post(self._events_url, data=body, headers=headers) as response:
                    answer = await response.read()
                    status, later = response.status, response.headers.get("Retry-After", "")
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                await self._wait(attempt, f"{self._events_url} is away ({type(error).__name__})")
            else:
                receipts = _receipts(answer, len(steps))
                if receipts is None and status in (401, 403):
                    told = "set CARBON_STREAM_TOKEN to a key that may send (role sender, any source and type)"
                    raise OperatorError(f"{self._events_url} answered {status}: {told}")
                if receipts is None and status in (400, 413, 415):
                    raise RuntimeError(f"{self._events_url} answered {status}: {answer[:500]!r}")
                if receipts is not None:
                    steps = self._settle(steps, receipts)
                if steps:
                    await self._wait(attempt, f"{self._events_url} answered {status}", _seconds(later))
                else:
                    self._back()
            attempt += 1

    def _settle(self, steps: list[Step], receipts: list[dict[str, Any]]) -> list[Step]:
        """Count what is final and give back what is to be sent again."""
        again = []
        for step, receipt in zip(steps, receipts, strict=True):
            if receipt["status"] == "rejected" and receipt.get("retriable"):
                again.append(step)
                continue
            self.tally.answered[receipt["status"]] += 1
            if receipt["status"] == "rejected":
                errors = receipt.get("errors") or [{"type": "unknown"}]
                self.tally.rejected[errors[0]["type"]] += 1
            else:
                self._count_step(step)
            if (receipt["status"] == "rejected") is not (step.expected is Expected.REFUSED):
                self.tally.surprises += 1
                log.warning("expected %s, answered %s: %r", step.expected, receipt, step.value)
        return again

    def _count_step(self, step: Step) -> None:
        if step.expected is Expected.TAKEN:
            self.tally.by_type[step.topic] += 1
        elif step.expected is Expected.REPEAT:
            self.tally.repeats += 1

    async def _wait(self, attempt: int, why: str, seconds: float | None = None) -> None:
        """Wait a while, longer each time, and say so once. Raises Stopped when the play is stopped meanwhile."""
        self.tally.waits += 1
        if not self._away:
            self._say(f"{why}; waiting for it")
            self._away = True
        pause = max(seconds or 0.0, _BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
        try:
            async with asyncio.timeout(pause):
                await self._stop.wait()
        except TimeoutError:
            return
        raise Stopped

    def _back(self) -> None:
        if self._away:
            self._say("it is back")
            self._away = False


def _body(steps: list[Step], number: int) -> tuple[bytes, dict[str, str]]:
    """One event, an array, NDJSON or compressed NDJSON: each client has its way."""
    values = [step.value or b"" for step in steps]
    if len(values) == 1:
        return values[0], {"Content-Type": "application/json"}
    if number % 3 == 0:
        return b"[" + b",".join(values) + b"]", {"Content-Type": "application/json"}
    lines = b"\n".join(values) + b"\n"
    headers = {"Content-Type": "application/x-ndjson"}
    if number % 3 == 1:
        return lines, headers
    return gzip.compress(lines, 1), {**headers, "Content-Encoding": "gzip"}


def _receipts(answer: bytes, expected: int) -> list[dict[str, Any]] | None:
    try:
        document = orjson.loads(answer)
    except ValueError:
        return None
    receipts = document.get("receipts") if isinstance(document, dict) else None
    return receipts if isinstance(receipts, list) and len(receipts) == expected else None


def _seconds(retry_after: str) -> float | None:
    return min(float(retry_after), 30.0) if retry_after.isdigit() else None
