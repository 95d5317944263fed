"""One run: workers and a stream of events, steps, and then the count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from carbon_stream.local import LocalKafka
from tests.chaos.flow import Flow
from tests.chaos.stand import Say, Stand
from tests.chaos.steps import Step

SETTLE_S_MAX = 180.0


async def run(kafka: LocalKafka, folder: Path, seed: int, steps: Sequence[Step], per_second: int, say: Say) -> None:
    """Raises AssertionError, with the end of the workers' logs, when anything is lost, counted twice or stuck."""
    stand = await Stand.make(kafka, folder, say)
    flow = Flow(kafka.bootstrap_servers, stand.workers.group, seed, per_second)
    try:
        flowing = asyncio.create_task(flow.run())
        await stand.perform(steps)
        flow.stop()
        await flowing
        stand.say(f"{flow.sent} records sent, {flow.failed} sends failed; waiting for the lag to be zero")
        truth = await stand.settle(SETTLE_S_MAX)
        stand.say(
            f"right: {truth.records} records, {sum(truth.counts.values())} counted once, {truth.repeats} repeats, "
            f"{truth.bad} dead letters; {stand.own_exits} workers ended by themselves"
        )
        assert truth.records > 0
    finally:
        stand.stop()
