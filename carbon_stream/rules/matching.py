"""Which rules match which events of a topic, quickly: most events match nothing, and that must cost next to nothing.

A topic has one type of event, so of each condition only what asks for more is left. Where that is about plain fields of
the contract, the agent has read them already: events with the same values match the same rules, so that each
combination of values is judged once for as long as it is remembered. Rules on other fields read the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import orjson

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.fields import fields
from carbon_stream.rules.match import Condition, simplified
from carbon_stream.rules.model import Rule
from carbon_stream.streaming.batch import Record
from carbon_stream.streaming.entry import Entry

__all__ = ["Matching"]

KNOWN_MAX: Final = 10_000
"""Combinations of values that are remembered; then all are forgotten."""
KNOWN_CHARS_MAX: Final = 400
"""Of one combination; a longer one is judged each time."""

Asked = tuple[Rule, Condition | bool]
Values = tuple[Any, ...]


class Matching:
    """The rules that look at one topic."""

    def __init__(self, topic: str, rules: Iterable[Rule]) -> None:
        record = BY_NAME[topic]
        known = {"eventType": record.event_type}
        asked: list[Asked] = [(rule, simplified(rule.match, known)) for rule in rules]
        plain = {
            spec.name: spec.attribute
            for spec in fields(record.model)
            if spec.shape.kind in ("string", "integer", "number") and spec.name != "version"  # absent, it is filled in
        }
        self._rules = [rule for rule, _ in asked]
        self._order = {rule.name: place for place, rule in enumerate(self._rules)}
        self._shallow = [(rule, left) for rule, left in asked if _roots(left) <= plain.keys()]
        self._deep = [(rule, left) for rule, left in asked if not _roots(left) <= plain.keys()]
        self._names = sorted({root for _, left in self._shallow for root in _roots(left)})
        self._values = _getter([plain[name] for name in self._names])
        self._known: dict[Values, tuple[Rule, ...]] = {}

    def of(self, entries: Sequence[Entry], records: Sequence[Record]) -> list[tuple[int, list[Rule]]]:
        """The places of events that rules match, with these rules in their order."""
        found: dict[int, list[Rule]] = {}
        if self._shallow:
            values = [self._values(entry.event) for entry in entries]
            matched = {one: rules for one in set(values) if (rules := self._judged(one))}
            if matched:
                found = {place: list(matched[one]) for place, one in enumerate(values) if one in matched}
        for place, record in enumerate(records if self._deep else ()):
            data = orjson.loads(record.value or b"")
            if deep := [rule for rule, left in self._deep if _holds(left, data)]:
                found[place] = sorted([*found.get(place, ()), *deep], key=lambda rule: self._order[rule.name])
        return sorted(found.items())

    def _judged(self, values: Values) -> tuple[Rule, ...]:
        known = self._known.get(values)
        if known is None:
            data = dict(zip(self._names, values, strict=True))
            known = tuple(rule for rule, left in self._shallow if _holds(left, data))
            if sum(len(value) for value in values if isinstance(value, str)) <= KNOWN_CHARS_MAX:
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[values] = known
        return known


def _roots(left: Condition | bool) -> set[str]:
    return set() if isinstance(left, bool) else left.roots()


def _holds(left: Condition | bool, data: Any) -> bool:
    return left if isinstance(left, bool) else left.holds(data)


def _getter(attributes: Sequence[str]) -> Callable[[Any], Values]:
    """All of these attributes as a tuple."""
    if len(attributes) < 2:
        return lambda event: tuple([getattr(event, attribute) for attribute in attributes])
    return attrgetter(*attributes)
