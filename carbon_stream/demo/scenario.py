"""The day itself: an endless, seeded stream of steps, without any input or output.

The same seed and the same clock give the same steps, event ids included. Ids also depend on the clock's first
reading, so that a play with an earlier play's seed is a new day and not a repeat of the old one.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import orjson

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.demo.bad import bad_post, bad_record
from carbon_stream.demo.cast import DASHBOARD, DATASETS, HOPS, SERVICES, TRADES, WEATHER
from carbon_stream.demo.events import Event, Producer
from carbon_stream.demo.incident import Incident, Operations
from carbon_stream.demo.step import Expected, Step, Way

CYCLE_STEPS: Final = 1_500
"""Steps of one incident, from calm to calm."""
_BEAT_STEPS: Final = 6
"""Each so many steps one service tells how it is, in turn: a steady pulse, so that silence means something."""
_PIPELINE_STEPS: Final = 250
_REPEATABLE: Final = 200


class Scenario:
    """Steps of the day. `clock` gives the time in ms; `cycle_steps` is the length of one incident."""

    def __init__(self, seed: int, clock: Callable[[], int], cycle_steps: int = CYCLE_STEPS) -> None:
        if cycle_steps < 1:
            raise ValueError("a cycle has at least one step")
        self._rng = random.Random(f"{seed}:{clock()}")
        self._producer = Producer(self._rng, clock)
        self._operations = Operations(self._rng, self._producer)
        self._cycle_steps = cycle_steps
        self._pending: deque[tuple[Event, str | None]] = deque()
        self._shown: set[str] = set()
        self._repeatable: deque[Step] = deque(maxlen=_REPEATABLE)

    def steps(self) -> Iterator[Step]:
        """For ever; the first hundred or so show every type and the whole lineage."""
        self._open()
        number = 0
        while True:
            for step in self._next(number):
                if step.expected is Expected.TAKEN and _entity_keyed(step):
                    self._repeatable.append(step)
                yield step
            number += 1

    def _next(self, number: int) -> Iterator[Step]:
        cycle, within = divmod(number, self._cycle_steps)
        share, before = within / self._cycle_steps, (within - 1) / self._cycle_steps
        incident = Incident.of_cycle(cycle)
        self._pending.extendleft(reversed(self._operations.story(incident, before, share)))
        if number and number % _PIPELINE_STEPS == 0:
            self._pending.extend(self._pipeline_run())
        if number % _BEAT_STEPS == 0:
            service = SERVICES[(number // _BEAT_STEPS) % len(SERVICES)]
            yield self._sent(self._operations.health(service, incident.status(service, share)))
        chance = self._rng.random()
        if chance < 0.015 and self._repeatable:
            yield self._repeat()
        elif chance < 0.03:
            yield self._bad()
        elif self._pending and (self._pending[0][1] is not None or chance < 0.5):
            event, told = self._pending.popleft()
            yield self._sent(event, told)
        else:
            yield self._sent(self._ordinary(incident, share))

    def _open(self) -> None:
        """Something of every type, before the ordinary mix begins."""
        self._pending.extend(self._pipeline_run())
        producer = self._producer
        one_each = (producer.user_action(), producer.admin_op(), producer.security(), producer.data_access(DASHBOARD))
        self._pending.extend((event, None) for event in one_each)

    def _ordinary(self, incident: Incident, share: float) -> Event:
        """One event of the usual traffic; calls of the broken service fail."""
        producer = self._producer
        kind = self._rng.choices(("call", "action", "access", "ingest", "quality", "admin", "security"), _WEIGHTS)[0]
        if kind == "call":
            service = self._rng.choice(SERVICES[:10])
            return producer.api_call(service, failing=incident.status(service, share) != "HEALTHY")
        if kind == "action":
            return producer.user_action()
        if kind == "access":
            return producer.data_access(self._rng.choice(DATASETS))
        if kind == "ingest":
            return producer.ingestion()
        if kind == "quality":
            return producer.quality(self._rng.choice(DATASETS))
        return producer.admin_op() if kind == "admin" else producer.security()

    def _pipeline_run(self) -> list[tuple[Event, str | None]]:
        """From the raw data to the dashboard: one flow, each event caused by the one before."""
        producer, flow = self._producer, self._producer.new_id()
        run = [producer.ingestion(TRADES, flow), producer.ingestion(WEATHER, flow)]
        for hop in HOPS:
            run += [producer.transformation(hop, flow), producer.lineage(hop, flow), producer.quality(hop.target, flow)]
        for cause, effect in pairwise(run):
            effect["causationId"] = cause["eventId"]
        return [(event, None) for event in run]

    def _sent(self, event: Event, told: str | None = None) -> Step:
        """The event on its way: mostly by HTTP, a quarter straight to Kafka with keys of every kind.

        The first of each type that has a key goes to Kafka with the catalog's: as the producer library sends it.
        """
        topic = BY_EVENT_TYPE[event["eventType"]]
        chance = self._rng.random()
        if topic.name not in self._shown and topic.key(event) is not None:
            self._shown.add(topic.name)
            chance = 0.9
        if chance < 0.75:
            way = Way.HTTP_ALONE if chance < 0.12 or told else Way.HTTP
            return Step(way, topic.name, orjson.dumps(event), told=told)
        entity = topic.key(event)
        key: str | None = entity
        if chance > 0.97:
            key = None
        elif chance > 0.94:
            key = event["eventId"]
        return Step(Way.KAFKA, topic.name, orjson.dumps(event), key.encode() if key else None, told=told)

    def _repeat(self) -> Step:
        """An HTTP client that lost the answer, or a producer that sends a second time: same bytes, same key."""
        step = self._rng.choice(self._repeatable)
        return Step(step.way, step.topic, step.value, step.key, Expected.REPEAT)

    def _bad(self) -> Step:
        valid = self._producer.api_call(self._rng.choice(SERVICES[:10]))
        if self._rng.random() < 0.5:
            return bad_post(self._rng, valid)
        return bad_record(self._rng, valid)


_WEIGHTS: Final = (55, 14, 15, 5, 5, 3, 3)


def _entity_keyed(step: Step) -> bool:
    """Whether a repeat would reach the partition of the first: that is where repeats are recognised."""
    if step.way is not Way.KAFKA:
        return True
    if step.key is None or step.value is None:
        return False
    event = orjson.loads(step.value)
    return BY_EVENT_TYPE[event["eventType"]].key(event) == step.key.decode()
