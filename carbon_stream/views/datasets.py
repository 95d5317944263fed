"""What is known of each dataset, from the changelogs of tables `datasets` and `audit`, merged when it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from carbon_stream.projections.access import USERS_MAX
from carbon_stream.projections.datasets import DAY_MS, HOUR_MS, INGESTION_STATUSES, MINUTE_MS, capped
from carbon_stream.projections.rows import Key, Row

LISTED_MAX = 1_000
"""Checks, and transformations, that one dataset is shown with."""

Parts = dict[int, Row]
"""Rows of one entity by partition."""
Entities = dict[str | int, Parts]
"""Rows of one dataset by check, job or hour; by "" where there is one."""

_INGESTED = frozenset({INGESTION_STATUSES.index("SUCCESS"), INGESTION_STATUSES.index("PARTIAL")})
"""What counts as records and bytes taken in: a load that failed is counted as a run only."""


class DatasetsView:
    """Ingestion, quality checks and transformations of every dataset."""

    table = "datasets"

    def __init__(self) -> None:
        self._kinds: dict[str | int, dict[str, Entities]] = {
            kind: {} for kind in ("ingestion", "ingestion-hour", "quality", "transformation")
        }

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take one record of the changelog; keys of other kinds are not ours."""
        datasets = self._kinds.get(key[0])
        if datasets is not None:
            _put(datasets, str(key[1]), key[2] if len(key) > 2 else "", partition, row)

    def clear(self, partition: int) -> None:
        """Forget everything that came from one partition of the changelog."""
        for datasets in self._kinds.values():
            for dataset, entities in list(datasets.items()):
                for entity in list(entities):
                    _put(datasets, dataset, entity, partition, None)

    def __contains__(self, dataset: str) -> bool:
        return any(dataset in datasets for datasets in self._kinds.values())

    def datasets(self) -> Iterator[str]:
        """Every dataset; one may come more than once."""
        for datasets in self._kinds.values():
            yield from datasets

    def ingestion(self, dataset: str, as_of: int) -> dict[str, Any]:
        """The last load, and sums over 24 hours before `as_of`, extended to a whole minute at their beginning.

        `recordCount24h` and `sizeBytes24h` are those of loads that succeeded, wholly or in part.
        """
        loads = self._of("ingestion", dataset).get("", {})
        first_minute = (as_of - DAY_MS) // MINUTE_MS
        runs: Counter[int] = Counter()
        records = size = 0
        for hour, parts in self._of("ingestion-hour", dataset).items():
            for row in parts.values():
                for minute, status, n, record_count, size_bytes in row["runs"]:
                    if int(hour) * (HOUR_MS // MINUTE_MS) + minute >= first_minute:
                        runs[status] += n
                        records += record_count * (status in _INGESTED)
                        size += size_bytes * (status in _INGESTED)
        return {
            "last": _shown(_latest(loads)) if loads else None,
            "recordCount24h": capped(records),
            "sizeBytes24h": capped(size),
            "runs24h": {name: runs[status] for status, name in enumerate(INGESTION_STATUSES)},
            "runs": sum(row["n"] for row in loads.values()),
        }

    def checks(self, dataset: str) -> list[dict[str, Any]]:
        """The last result of each quality check and how often it had which, by name; at most LISTED_MAX."""
        found = sorted(self._of("quality", dataset).items(), key=lambda item: str(item[0]))[:LISTED_MAX]
        return [{"checkName": name, **_shown(_latest(parts)), "counts": _counts(parts)} for name, parts in found]

    def transformations(self, dataset: str) -> list[dict[str, Any]]:
        """The last run of each job that read or wrote the dataset, and how often its runs were reported how.

        The latest first; at most LISTED_MAX.
        """
        found = [
            {"job": job, **_shown(_latest(parts)), "counts": _counts(parts)}
            for job, parts in self._of("transformation", dataset).items()
        ]
        return sorted(found, key=lambda run: (-run["at"], run["job"]))[:LISTED_MAX]

    def _of(self, kind: str, dataset: str) -> Entities:
        return self._kinds[kind].get(dataset, {})


class AccessView:
    """Who read and wrote each dataset: the rows of table `audit` that tell it."""

    table = "audit"

    def __init__(self) -> None:
        self._datasets: dict[str, dict[int, _Access]] = {}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take one record of the changelog; most of them are not about access."""
        if key[0] != "access":
            return
        if row is None:
            self._remove(str(key[1]), partition)
        else:
            self._datasets.setdefault(str(key[1]), {})[partition] = _Access(row)

    def clear(self, partition: int) -> None:
        """Forget everything that came from one partition of the changelog."""
        for dataset in list(self._datasets):
            self._remove(dataset, partition)

    def _remove(self, dataset: str, partition: int) -> None:
        parts = self._datasets.get(dataset, {})
        parts.pop(partition, None)
        if not parts:
            self._datasets.pop(dataset, None)

    def __contains__(self, dataset: str) -> bool:
        return dataset in self._datasets

    def datasets(self) -> Iterator[str]:
        """Every dataset whose access was audited."""
        yield from self._datasets

    def access(self, dataset: str) -> dict[str, Any]:
        """Times in ms of the last read and write, null if there was none, and how many users there were.

        `usersIsAtLeast` says that older users are no longer counted.
        """
        parts = self._datasets.get(dataset, {}).values()
        users = frozenset[str]().union(*(part.users for part in parts))
        return {
            "lastRead": max((part.last_read for part in parts if part.last_read is not None), default=None),
            "lastWrite": max((part.last_write for part in parts if part.last_write is not None), default=None),
            "users": len(users),
            "usersIsAtLeast": any(len(part.users) >= USERS_MAX for part in parts),
        }


class _Access:
    """The row of one partition, without the users' times."""

    __slots__ = ("last_read", "last_write", "users")

    def __init__(self, row: Row) -> None:
        self.last_read: int | None = row["lastRead"]
        self.last_write: int | None = row["lastWrite"]
        self.users: frozenset[str] = frozenset(row["users"])


def _put(datasets: dict[str, Entities], dataset: str, entity: str | int, partition: int, row: Row | None) -> None:
    if row is not None:
        datasets.setdefault(dataset, {}).setdefault(entity, {})[partition] = row
        return
    parts = datasets.get(dataset, {}).get(entity)
    if parts is None:
        return
    parts.pop(partition, None)
    if not parts:
        del datasets[dataset][entity]
        if not datasets[dataset]:
            del datasets[dataset]


def _latest(parts: Parts) -> Row:
    """The latest `last` of all partitions: by event time, then partition; within one, the fold has decided."""
    _, row = max(parts.items(), key=lambda item: (item[1]["last"]["at"], item[0]))
    last: Row = row["last"]
    return last


def _shown(last: Row) -> dict[str, Any]:
    return {name: value for name, value in last.items() if name != "offset"}


def _counts(parts: Parts) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in parts.values():
        counts.update(row["counts"])
    return dict(sorted(counts.items()))
