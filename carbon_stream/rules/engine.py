"""The rules in force, applied to what agents have read: cheap where nothing matches, and never in an event's way.

An agent hands over the new events of a batch with their records; what rules make of them is committed in the batch's
own transaction, or not at all. A topic that no rule looks at costs nothing; see `matching` for the others.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import orjson

from carbon_stream.rules import graph, repeats
from carbon_stream.rules.matching import Matching
from carbon_stream.rules.model import Rule, RuleSet
from carbon_stream.rules.sending import Arrival, Refused, send
from carbon_stream.streaming.batch import Record
from carbon_stream.streaming.entry import Entry, Fold
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.rows import Work

__all__ = ["Engine", "RuleObserver"]

log = logging.getLogger(__name__)

FORWARDS_MAX: Final = 50
"""Records that all rules together may make of one event."""


def _nothing(_: dict[str, Any]) -> None:
    """Hides nothing."""


class RuleObserver(Protocol):
    """Told what became of rules; must neither raise nor block."""

    def on_rule_failed(self, rule: str, reason: str) -> None:
        """A rule could not send an event that it matched."""

    def on_rules_loaded(self, rules: Sequence[str], ok: bool) -> None:
        """Rules came into force; or, where not `ok`, a file was refused and these stay."""


class Engine:
    """Holds the rules in force; `use` puts others into force, between two batches.

    `hide` takes out of an event, in place, what nobody downstream may see.
    """

    def __init__(
        self, rules: RuleSet, observer: RuleObserver, hide: Callable[[dict[str, Any]], None] = _nothing
    ) -> None:
        self._observer, self._hide = observer, hide
        self.use(rules)

    def use(self, rules: RuleSet) -> None:
        """From the next batch on, these."""
        self.rules = rules
        by_topic: dict[str, list[Rule]] = {}
        for rule in rules.rules:
            for topic in graph.reads(rule):
                by_topic.setdefault(topic, []).append(rule)
        self._by_topic = {topic: Matching(topic, some) for topic, some in by_topic.items()}
        self._observer.on_rules_loaded([rule.name for rule in rules.rules], True)

    def route(self, work: Work, topic: str, entries: Sequence[Entry], records: Sequence[Record]) -> None:
        """Send on what rules make of these events; `records` are theirs, in the same order. Raises nothing."""
        matching = self._by_topic.get(topic)
        if matching is None:
            return
        try:
            found = matching.of(entries, records)
        except Exception as exc:  # noqa: BLE001 — a rule must not stop the stream, whatever is wrong with it
            log.error(
                "rules failed on %s-%d from %d on: %s", topic, entries[0].partition, entries[0].offset, _where(exc)
            )
            self._observer.on_rule_failed("any", "error")
            return
        for place, rules in found:
            try:
                self._apply(work, rules, entries[place], records[place])
            except Exception as exc:  # noqa: BLE001 — as above
                for rule in rules:
                    self._failed(rule, "error", _where(exc), entries[place])

    def _apply(self, work: Work, rules: Sequence[Rule], entry: Entry, record: Record) -> None:
        data = orjson.loads(record.value or b"")
        self._hide(data)
        arrival = Arrival(data, entry.topic, entry.partition, entry.offset, entry.at, record.headers or ())
        for rule in rules[:FORWARDS_MAX]:
            try:
                work.forward(self._made(rule, arrival))
            except Refused as refusal:
                self._failed(rule, refusal.reason, str(refusal), entry)
            except Exception as exc:  # noqa: BLE001 — as above
                self._failed(rule, "error", _where(exc), entry)
        for rule in rules[FORWARDS_MAX:]:
            self._failed(rule, "too-many", f"more than {FORWARDS_MAX} rules match the event", entry)

    def _made(self, rule: Rule, arrival: Arrival) -> Forward:
        if rule.repeats is None:
            return send(rule, arrival)
        return repeats.occurrence(rule, rule.repeats, arrival)

    def _failed(self, rule: Rule, reason: str, why: str, entry: Entry) -> None:
        """The event itself stays what it is and where it is: only what the rule would have made of it is missing."""
        self._observer.on_rule_failed(rule.name, reason)
        log.warning(
            "rule %s sent nothing for %s-%d@%d (%s): %s",
            rule.name, entry.topic, entry.partition, entry.offset, reason, why, extra={"eventId": entry.event.event_id},
        )  # fmt: skip

    def switched(self, name: str, fold: Fold) -> Fold:
        """A fold whose sending on is the shipped rule of this name: off, it keeps its rows and sends nothing."""

        def run(work: Work, topic: str, entries: Sequence[Entry]) -> None:
            fold(_Mute(work) if name in self.rules.off else work, topic, entries)  # type: ignore[arg-type]

        return run


def _where(exc: Exception) -> str:
    """A fault of our own, without its message: that may quote the event."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} in {last.name}, line {last.lineno}"


class _Mute:
    """Rows of which nothing is sent on."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def forward(self, forward: Forward) -> None:
        """Send nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)
