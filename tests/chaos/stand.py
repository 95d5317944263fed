"""The cluster and the workers of a run, and what each step does to them."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from carbon_stream.bootstrap.topics.apply import apply
from carbon_stream.bootstrap.topics.desired import Wanted
from carbon_stream.contracts.names import APP_ID
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings
from tests.chaos.steps import BROKERS, Step
from tests.support.counting import Truth, Workers, committed, compare, make_topics

STORM_WORKER = 9
Say = Callable[[str], None]


def fill(kafka: LocalKafka, node: int) -> None:
    """From now on no file of the broker may grow, which fails its writes as a full disk does; it ends by itself."""
    if hasattr(resource, "prlimit"):  # Linux
        resource.prlimit(kafka.pids[node], resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


class Stand:
    """One group of workers on three brokers of its own. Steps may overlap with pauses of earlier ones."""

    def __init__(self, kafka: LocalKafka, workers: Workers, say: Say) -> None:
        self.kafka, self.workers, self._say = kafka, workers, say
        self._wanted: set[int] = set()
        self._paused: dict[asyncio.Task[None], int] = {}
        self._began = time.monotonic()
        self.own_exits = 0

    @classmethod
    async def make(cls, kafka: LocalKafka, folder: Path, say: Say) -> Stand:
        """Topics are the product's by name of their group, so that the product's own command grows them."""
        group = await make_topics(kafka.bootstrap_servers, replication=3, name=APP_ID)
        return cls(kafka, Workers(group, kafka.bootstrap_servers, folder), say)

    def say(self, line: str) -> None:
        """A line with the time since the beginning."""
        self._say(f"{time.monotonic() - self._began:7.1f} s  {line}")

    async def perform(self, steps: Sequence[Step]) -> None:
        """One after the other; workers that end by themselves meanwhile are started again."""
        for step in steps:
            self.say(str(step))
            await self._do(step)
            until = time.monotonic() + step.then_s
            while (left := until - time.monotonic()) > 0:
                self.supervise()
                await asyncio.sleep(min(0.5, left))
        await asyncio.gather(*self._paused)
        self.supervise()

    def supervise(self) -> None:
        """What runs a worker in earnest starts it again when it ends."""
        for number in sorted(self._wanted):
            process = self.workers.processes[number]
            if process.poll() is not None:
                self.own_exits += 1
                self.say(f"worker {number} ended by itself with {process.returncode}: {self._reason(number)}")
                self.workers.start(number)

    def _reason(self, number: int) -> str:
        """What a worker's log says of its end; it is started again."""
        said = [line for line in self.workers.log(number).splitlines() if "Crashed reason=" in line or "Error" in line]
        return said[-1][-300:] if said else "without a word"

    async def _do(self, step: Step) -> None:
        match step.what:
            case "scale":
                await self._scale(step.number)
            case "kill":
                if step.number in self._wanted:
                    self.workers.kill(step.number)
                    self.workers.start(step.number)
            case "restart":
                await self._restart(step.number)
            case "roll":
                for number in sorted(self._wanted):
                    await self._restart(number)
            case "pause":
                self._pause(step)
            case "storm":
                await self._storm()
            case "grow":
                await self._grow()
            case _:
                await asyncio.to_thread(self._to_brokers, step)

    async def _scale(self, count: int) -> None:
        for number in range(1, count + 1):
            if number not in self._wanted:
                self.workers.start(number)
        gone = [number for number in self._wanted if number > count]
        self._wanted = set(range(1, count + 1))
        await asyncio.gather(*map(self._stop, gone))

    async def _restart(self, number: int) -> None:
        if number in self._wanted:
            await self._stop(number)
            self.workers.start(number)

    async def _stop(self, number: int) -> None:
        """SIGTERM, which a paused worker hears only when it goes on; one that does not end is a fault of its own."""
        for task in [task for task, paused in self._paused.items() if paused == number]:
            await task
        process = self.workers.processes.pop(number)
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"worker {number} did not stop within 60 s\n{self.workers.log(number)[-4000:]}"
            ) from None

    def _pause(self, step: Step) -> None:
        if step.number in self._wanted:
            task = asyncio.create_task(self.workers.pause(step.number, step.seconds))
            self._paused[task] = step.number
            task.add_done_callback(self._paused.pop)

    async def _storm(self) -> None:
        """Somebody joins and is killed, several times over: the group hands partitions out again and again."""
        for _ in range(4):
            self.workers.start(STORM_WORKER)
            await asyncio.sleep(1.5)
            self.workers.kill(STORM_WORKER)
        del self.workers.processes[STORM_WORKER]

    async def _grow(self) -> None:
        """By the product's command, which waits until the workers are drained."""
        wanted, self._wanted = self._wanted, set()
        count = self.workers.partitions + 2
        topics = [
            Wanted(f"{self.workers.group}-{name}", "grown", count, {}, is_changelog=name.endswith("changelog"))
            for name in ("counts-changelog", "a", "b")
        ]
        settings = Settings(kafka_bootstrap_servers=self.workers.bootstrap)
        growing = asyncio.create_task(apply(settings, wanted=topics, wait_s=60.0, say=self.say))
        await asyncio.gather(*map(self._stop, wanted))
        await growing
        self.workers.partitions = count
        for number in sorted(wanted):
            self.workers.start(number)
        self._wanted = wanted

    def _to_brokers(self, step: Step) -> None:
        kafka, node = self.kafka, step.number
        match step.what:
            case "kill broker":
                kafka.kill(node)
                time.sleep(step.seconds)
                kafka.start_node(node)
            case "pause broker":
                kafka.pause(node)
                time.sleep(step.seconds)
                kafka.resume(node)
            case "fill broker":
                fill(kafka, node)
                time.sleep(step.seconds)
                kafka.stop_node(node)  # what supervises it makes room and starts it again
                kafka.start_node(node)
            case "roll broker":
                kafka.stop_node(node)
                kafka.start_node(node)
            case "lose min.insync":
                others = [other for other in BROKERS if other != node]
                # of three controllers two must be left to agree on anything: those that come back need each other
                for other in others:
                    kafka.pause(other)
                time.sleep(step.seconds)
                for other in others:
                    kafka.resume(other)
            case _:
                raise ValueError(f"no such step: {step}")

    async def settle(self, seconds: float) -> Truth:
        """With nobody's help but the supervisor's: the lag goes to zero, and every count is right."""
        workers = self.workers
        truth = await Truth.of(workers.bootstrap, workers.group, workers.partitions)
        deadline = time.monotonic() + seconds
        while (got := await committed(workers.bootstrap, workers.group)) < truth.records:
            assert time.monotonic() < deadline, f"committed {got} of {truth.records}\n{workers.logs()[-6000:]}"
            self.supervise()
            await asyncio.sleep(0.5)
        await compare(workers, truth)
        return truth

    def stop(self) -> None:
        """End all workers."""
        self._wanted = set()
        self.workers.stop()
