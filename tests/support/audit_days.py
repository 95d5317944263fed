"""Audit events by user and time, a partition that folds and sweeps them, and its changelog as a view reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from carbon_stream.projections import audit
from carbon_stream.projections.audit import DAY_MS, DIMENSIONS
from carbon_stream.projections.audit_aging import DAY_KINDS, sweep
from carbon_stream.projections.rows import Entry
from carbon_stream.streaming.formats import FIRST
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Key, Work, decode_key
from carbon_stream.streaming.shard import Changes
from carbon_stream.streaming.sweeping import Sweeper
from carbon_stream.streaming.transaction import MORE, NO_HEADERS, Headers

TOPIC = "audit-api-calls"


@dataclass
class Call:
    """An API call, as far as the fold looks at it."""

    user_id: str
    at: int
    status_code: int = 200
    latency_ms: float = 5.0
    service: str = "trino"
    method: str = "GET"
    endpoint: str = "/a"
    event_type: str = "AuditAPICallEvent"


@dataclass
class LogRecord:
    """A changelog's record, as far as a view looks at it."""

    key: bytes
    value: bytes | None
    headers: Headers


@dataclass
class Partition:
    """One partition of the audit stage, without a broker: what is committed goes to `log`."""

    now: int
    shard: MemoryShard = field(default_factory=MemoryShard)
    log: list[LogRecord] = field(default_factory=list)
    folded: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sweeper = Sweeper(sweep, self.shard, FIRST, lambda: self.now)

    def fold(self, calls: Sequence[Call]) -> None:
        """One unit of work."""
        work = Work(self.shard)
        audit.fold(work, TOPIC, [Entry(call, call.at, TOPIC, 0, n, self.now) for n, call in enumerate(calls)])
        self.folded += calls
        self._commit(work.changes(), NO_HEADERS)

    def sweep(self) -> Changes:
        """One step of a round."""
        changes = self.sweeper.step().changes
        self._commit(changes, MORE)
        return changes

    def sweep_round(self) -> int:
        """Steps until a round ends; how many there were."""
        steps = 1
        self.sweep()
        while not self.sweeper.wait_s():
            self.sweep()
            steps += 1
        return steps

    def _commit(self, changes: Changes, headers: Headers) -> None:
        self.log += [LogRecord(key, row, headers) for key, row in changes.items()]
        if changes:
            self.log[-1].headers = NO_HEADERS
        self.shard.apply(changes, {}, 0)

    def rows(self) -> dict[Key, Any]:
        """All rows, decoded."""
        return {decode_key(key): orjson.loads(self.shard.get(key) or b"") for key in self.shard.keys()}  # noqa: SIM118

    def totals(self) -> dict[str, Counter[tuple[int, str]]]:
        """By dimension: what rows of hours and of days count together, by day and result's letter."""
        found: dict[str, Counter[tuple[int, str]]] = {dimension: Counter() for dimension in DIMENSIONS}
        names = {kind: name for name in DIMENSIONS for kind in (name, DAY_KINDS[name])}
        for key, row in self.rows().items():
            if key[0] in names:
                day = int(key[1]) // DAY_MS * DAY_MS
                for slot, count in row["c"].items():
                    found[names[str(key[0])]][day, slot[-1]] += count
        return found

    def truth(self) -> Counter[tuple[int, str]]:
        """What every dimension's totals should be, by brute force."""
        letters = {2: "2", 4: "4", 5: "5"}
        return Counter((call.at // DAY_MS * DAY_MS, letters[call.status_code // 100]) for call in self.folded)
