"""Which rules follow on which, and loops among them.

A rule follows on another if it may match what the other sends, as far as that is known: the type of the events on the
topic, and what the other one sets or drops. What cannot be told counts as possible, so that no loop is overlooked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from carbon_stream.contracts.catalog import BY_NAME, TOPICS
from carbon_stream.rules import paths
from carbon_stream.rules.match import UNKNOWN
from carbon_stream.rules.model import Rule

__all__ = ["ENVELOPE", "mistakes", "reads"]

ENVELOPE: Final = frozenset(
    ("eventId", "eventType", "timestamp", "source", "version", "correlationId", "causationId", "context")
)
"""What every event has, whatever a rule drops."""


def reads(rule: Rule) -> tuple[str, ...]:
    """The topics, of the twelve, whose events the rule may match."""
    return tuple(topic.name for topic in TOPICS if rule.match.can_hold({"eventType": topic.event_type}) is not False)


def mistakes(rules: Sequence[Rule]) -> list[str]:
    """A line for each loop, and for each rule that matches nothing."""
    found = [f"rule {rule.name}: no type of event can match it" for rule in rules if not reads(rule)]
    follows = {rule.name: [other.name for other in rules if _follows(other, rule)] for rule in rules}
    loops = _loops(follows)
    return found + [f"rules {' → '.join(loop)}: a loop: each may match what the one before it sends" for loop in loops]


def _follows(second: Rule, first: Rule) -> bool:
    """Whether `second` may match what `first` sends."""
    if first.topic not in BY_NAME:
        return False  # rules read the twelve only
    known = _sent(first, second.match.roots())
    return second.match.can_hold(known) is not False


def _sent(rule: Rule, fields: set[str]) -> Mapping[str, Any]:
    """What is known of these top-level fields in events that a rule sends."""
    known: dict[str, Any] = {field: None if rule.drops_all and field not in ENVELOPE else UNKNOWN for field in fields}
    known |= {path[0]: None for path in rule.drop if len(path) == 1}
    for name, value in rule.set.items():
        root, *deeper = paths.parts(name)
        known[root] = UNKNOWN if deeper or "${" in repr(value) else value
    if rule.topic is not None and rule.topic in BY_NAME:
        known["eventType"] = BY_NAME[rule.topic].event_type
    return known


def _loops(follows: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """One loop for each set of rules that follow on each other, by depth-first search."""
    loops: list[list[str]] = []
    done: set[str] = set()
    for start in follows:
        if start in done:
            continue
        stack: list[list[str]] = [[start]]
        seen: set[str] = set()
        while stack:
            way = stack.pop()
            after_all = follows[way[-1]]
            if start in after_all:
                loops.append([*way, start])
                done.update(way)
                break
            fresh = [after for after in after_all if after not in seen]
            seen.update(fresh)
            stack += [[*way, after] for after in fresh]
    return loops
