"""Health of all services in memory, from the changelog of table `health`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from carbon_stream.projections.health import STATUSES
from carbon_stream.projections.rows import Key, Row
from carbon_stream.views.service import Service, last_report, summary, transitions

ITEMS_MAX = 20
"""Deployments, and configuration changes, that one service is shown with."""
WORST_FIRST = ("UNHEALTHY", "DEGRADED", "UNKNOWN", "HEALTHY")

Name = tuple[str, str]
"""Namespace and service."""


class HealthView:
    """Services, their deployments and the changes of their configuration, merged over partitions when read."""

    table = "health"

    def __init__(self) -> None:
        self._services: dict[Name, Service] = {}
        self._deployments = _Items()
        self._configs = _Items()

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take one record of the changelog; keys of other kinds are not ours."""
        kind = key[0]
        if kind in ("health", "health-day", "current"):
            name = (str(key[1]), str(key[2]))
            service = self._services.get(name)
            if service is None:
                service = self._services[name] = Service()
            if kind == "current":
                service.put_current(partition, row)
            elif kind == "health":
                service.put_hour(int(key[3]), partition, row)
            else:
                service.put_day(int(key[3]), partition, row)
            if service.is_empty():
                del self._services[name]
        elif kind == "deployment":
            self._deployments.apply(partition, key, row)
        elif kind == "config":
            self._configs.apply(partition, key, row)

    def clear(self, partition: int) -> None:
        """Forget everything that came from one partition of the changelog."""
        for name, service in list(self._services.items()):
            service.clear(partition)
            if service.is_empty():
                del self._services[name]
        self._deployments.clear(partition)
        self._configs.clear(partition)

    def services(self) -> list[Name]:
        """Every service, by namespace and name."""
        return sorted(self._services)

    def statuses(self, names: Iterable[Name], as_of: int) -> Iterator[tuple[Name, str]]:
        """The status of each of these services at `as_of`, without those that are no longer known."""
        for name in names:
            service = self._services.get(name)
            if service is not None:
                yield name, STATUSES[service.history.status(as_of)]

    def summary(self, name: Name, as_of: int) -> dict[str, Any] | None:
        """A service as it is listed; None for one that is not known. Times in ms."""
        service = self._services.get(name)
        if service is None:
            return None
        deployments = self._deployments.newest(name, 1)
        found = {"namespace": name[0], "service": name[1], **summary(service, as_of)}
        return {**found, "lastDeployment": deployments[0]} if deployments else found

    def config_changed_at(self, name: Name) -> int | None:
        """When the service's configuration last changed, in ms."""
        newest = self._configs.newest(name, 1)
        return int(newest[0]["at"]) if newest else None

    def detail(self, name: Name, as_of: int) -> dict[str, Any] | None:
        """The same with recent transitions, the last report, deployments and configuration changes, newest first."""
        service = self._services.get(name)
        found = self.summary(name, as_of)
        if service is None or found is None:
            return None
        return {
            **found,
            "silenceMs": service.history.silence_ms(),
            "lastReport": last_report(service),
            "transitions": transitions(service, as_of),
            "deployments": self._deployments.newest(name, ITEMS_MAX),
            "configChanges": self._configs.newest(name, ITEMS_MAX),
        }


def by_namespace(statuses: Iterable[tuple[Name, str]]) -> list[dict[str, Any]]:
    """For each namespace its worst status and how many services have which, by name."""
    counts: dict[str, Counter[str]] = {}
    for (namespace, _), status in statuses:
        counts.setdefault(namespace, Counter())[status] += 1
    return [
        {
            "namespace": namespace,
            "status": next(status for status in WORST_FIRST if found[status]),
            "services": found.total(),
            "counts": {status: found[status] for status in STATUSES},
        }
        for namespace, found in sorted(counts.items())
    ]


class _Items:
    """Rows of dated items, by namespace and name."""

    def __init__(self) -> None:
        self._rows: dict[Name, dict[tuple[int, int], list[dict[str, Any]]]] = {}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        name, place = (str(key[1]), str(key[2])), (int(key[3]), partition)
        if row is None:
            self._remove(name, place)
        else:
            self._rows.setdefault(name, {})[place] = row["items"]

    def clear(self, partition: int) -> None:
        for name, rows in list(self._rows.items()):
            for place in [place for place in rows if place[1] == partition]:
                self._remove(name, place)

    def _remove(self, name: Name, place: tuple[int, int]) -> None:
        rows = self._rows.get(name, {})
        rows.pop(place, None)
        if not rows:
            self._rows.pop(name, None)

    def newest(self, name: Name, limit: int) -> list[dict[str, Any]]:
        """The newest items by time, then partition, then offset."""
        return [
            {field: value for field, value in item.items() if field != "offset"}
            for item in islice(self._newest_first(name), limit)
        ]

    def _newest_first(self, name: Name) -> Iterator[dict[str, Any]]:
        rows = self._rows.get(name, {})
        for day in sorted({day for day, _ in rows}, reverse=True):
            found = [
                (item["at"], partition, item["offset"], item)
                for (of_day, partition), items in rows.items()
                if of_day == day
                for item in items
            ]
            yield from (item for *_, item in sorted(found, key=lambda each: each[:3], reverse=True))
