"""What happens to the workers and brokers of a run, drawn from a seed before anything starts. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

WORKERS_MAX = 4
BROKERS = (1, 2, 3)
GROWTHS_MAX = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done, and how long is waited before the next. `number` is a worker, a broker or a count."""

    what: str
    number: int = 0
    seconds: float = 0.0
    """How long it lasts: a pause, a broker's absence."""
    then_s: float = 0.0

    def __str__(self) -> str:
        number = f" {self.number}" if self.number else ""
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.what}{number}{lasting}, then {self.then_s:.1f} s"


def script(seed: int, seconds: float) -> list[Step]:
    """Steps that take about so long: the same for the same seed and time."""
    dice = random.Random(seed)
    steps = [Step("scale", dice.randint(1, WORKERS_MAX), then_s=4.0)]
    spent = 4.0
    for step in _drawn(dice, steps[0].number):
        took = duration(step) + step.then_s
        if spent + took > seconds:
            return steps
        steps.append(step)
        spent += took
    raise AssertionError("unreachable: steps are drawn for ever")


def duration(step: Step) -> float:
    """Seconds for which a step keeps the next one waiting, about."""
    if step.what in ("kill broker", "fill broker", "pause broker", "lose min.insync"):
        return step.seconds + 4.0
    return {"restart": 4.0, "roll": 8.0, "storm": 6.0, "roll broker": 6.0, "grow": 12.0}.get(step.what, 0.5)


def _drawn(dice: random.Random, workers: int) -> Iterator[Step]:
    growths = 0
    while True:
        make = dice.choices([make for make, _ in _KINDS], [weight for _, weight in _KINDS])[0]
        step = make(dice, workers)
        if step.what == "scale":
            workers = step.number
        if step.what == "grow":
            growths += 1
            if growths > GROWTHS_MAX:
                continue
        yield step


def _calm(dice: random.Random) -> float:
    return round(dice.uniform(0.5, 6.0), 1)


_KINDS: list[tuple[Callable[[random.Random, int], Step], int]] = [
    (lambda dice, workers: Step("kill", dice.randint(1, workers), then_s=_calm(dice)), 4),
    (lambda dice, workers: Step("restart", dice.randint(1, workers), then_s=_calm(dice)), 2),
    (lambda dice, workers: Step("roll", then_s=_calm(dice)), 1),
    # beyond the session timeout (6 s); beyond the transaction timeout (15 s)
    (lambda dice, workers: Step("pause", dice.randint(1, workers), round(dice.uniform(7, 10), 1), _calm(dice)), 3),
    (lambda dice, workers: Step("pause", dice.randint(1, workers), round(dice.uniform(17, 22), 1), _calm(dice)), 2),
    (lambda dice, workers: Step("scale", dice.randint(1, WORKERS_MAX), then_s=_calm(dice)), 3),
    (lambda dice, workers: Step("storm", then_s=_calm(dice)), 1),
    (lambda dice, workers: Step("kill broker", dice.choice(BROKERS), round(dice.uniform(0.5, 8), 1), _calm(dice)), 2),
    (lambda dice, workers: Step("pause broker", dice.choice(BROKERS), round(dice.uniform(2, 12), 1), _calm(dice)), 2),
    (lambda dice, workers: Step("fill broker", dice.choice(BROKERS), round(dice.uniform(2, 8), 1), _calm(dice)), 1),
    (lambda dice, workers: Step("roll broker", dice.choice(BROKERS), then_s=_calm(dice)), 1),
    (
        lambda dice, workers: Step("lose min.insync", dice.choice(BROKERS), round(dice.uniform(2, 10), 1), _calm(dice)),
        1,
    ),
    (lambda dice, workers: Step("grow", then_s=_calm(dice)), 1),
]
"""How each kind is drawn, and how often. `lose min.insync` leaves only the broker that it names."""
