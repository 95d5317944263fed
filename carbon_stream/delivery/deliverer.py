"""Runs a lane for each endpoint of the rules in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from mode import Service

from carbon_stream.delivery.attempt import Attempts
from carbon_stream.delivery.lane import DeliveryObserver, Lane
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import RuleSet

__all__ = ["Deliverer"]

log = logging.getLogger(__name__)


class Deliverer(Service):
    """Lanes of this process. Every worker has all of them; an outbox's partitions are shared out by its own group."""

    def __init__(
        self, rules: RuleSet, kafka: Mapping[str, Any], hosts: Hosts, observer: DeliveryObserver, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._rules, self._kafka, self._hosts, self._observer = rules, kafka, hosts, observer
        self._attempts: Attempts | None = None
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._changing = asyncio.Lock()

    async def on_start(self) -> None:
        """Start what the rules have endpoints for; without any there is no connection."""
        await self._change(self._rules)

    async def on_stop(self) -> None:
        """Finish the requests that are under way."""
        await self._change(RuleSet())
        if self._attempts is not None:
            await self._attempts.close()

    def use(self, rules: RuleSet) -> None:
        """Other rules have come into force."""
        self._changed = asyncio.ensure_future(self._change(rules))

    async def _change(self, rules: RuleSet) -> None:
        async with self._changing:
            wanted = rules.endpoints
            stale = [name for name, (lane, _) in self._lanes.items() if wanted.get(name) != lane.endpoint]
            ending = [self._lanes.pop(name) for name in stale]
            for lane, _ in ending:
                lane.close()
            await asyncio.gather(*(task for _, task in ending), return_exceptions=True)
            for name in wanted.keys() - self._lanes.keys():
                self._attempts = self._attempts or Attempts(self._hosts)
                lane = Lane(wanted[name], self._kafka, self._attempts, self._observer)
                self._lanes[name] = lane, asyncio.create_task(lane.run(), name=f"endpoint {name}")
