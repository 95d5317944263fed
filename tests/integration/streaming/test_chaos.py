"""Four workers on three brokers: scaled, rolled, grown, cut off from min.insync, and then whatever a seed brings."""

import logging
from pathlib import Path

import pytest

from carbon_stream.local import LocalKafka
from tests.chaos.run import run
from tests.chaos.steps import Step, duration, script

log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(400)

SEED = 11
NAMED = [
    Step("scale", 4, then_s=4),
    Step("roll", then_s=1),
    Step("scale", 1, then_s=1),
    Step("grow", then_s=1),
    Step("scale", 3, then_s=2),
    Step("storm", then_s=1),
    Step("lose min.insync", 1, 3, then_s=1),
]


async def test_whatever_happens_every_event_counts_once_or_is_a_dead_letter_once(
    three_brokers: LocalKafka, tmp_path: Path
) -> None:
    told: list[str] = []

    def say(line: str) -> None:
        log.warning("%s", line)  # shown when the test fails
        told.append(line)

    await run(three_brokers, tmp_path, SEED, [*NAMED, *script(SEED, 12)[1:]], 600, say)
    assert "right:" in told[-1]


def test_a_seed_brings_the_same_steps_again_and_fits_its_time() -> None:
    for seed in range(20):
        steps = script(seed, 120)
        assert steps == script(seed, 120)
        assert sum(duration(step) + step.then_s for step in steps[1:]) + 4 <= 120
    assert len({str(script(seed, 120)) for seed in range(20)}) == 20


def test_seeds_bring_every_kind_of_step() -> None:
    assert {step.what for seed in range(20) for step in script(seed, 300)} == {
        "scale", "kill", "restart", "roll", "pause", "storm", "grow",
        "kill broker", "fill broker", "pause broker", "roll broker", "lose min.insync",
    }  # fmt: skip
