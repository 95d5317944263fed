"""Conditions on an event: the operators of CloudEvents Subscriptions 1.0 (exact, prefix, suffix, all, any, not) on any
field, and comparisons of numbers.

`holds` judges an event. `can_hold` judges what is known of events of a kind: None where the rest of the event decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Final, Protocol

from carbon_stream.rules.paths import Path, get

__all__ = ["COMPARISONS", "UNKNOWN", "All", "Any_", "Condition", "Not", "Step", "Test", "simplified"]

Scalar = str | int | float | bool | None


class _Unknown:
    """A value that may be anything."""


UNKNOWN: Final = _Unknown()

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
TEXTS: Final[Mapping[str, Callable[[str, str], bool]]] = {"prefix": str.startswith, "suffix": str.endswith}


@dataclass(frozen=True, slots=True)
class Step:
    """One test as `explain` shows it."""

    text: str
    holds: bool
    depth: int


class Condition(Protocol):
    """What an event is asked."""

    def holds(self, data: Any) -> bool: ...
    def can_hold(self, known: Mapping[str, Any]) -> bool | None:
        """`known` are values by top-level field; a field that is not in it may be anything."""

    def roots(self) -> set[str]:
        """The top-level fields that are looked at."""

    def explain(self, data: Any, depth: int = 0) -> Iterator[Step]:
        """Each test and whether it holds, outermost first."""


@dataclass(frozen=True, slots=True)
class Test:
    """One field against one value. Types are not mixed: the text "5" is not the number 5, true is not 1; 5 is 5.0.

    A field that is absent is null: equal to null, and neither has a prefix nor compares.
    """

    operator: str
    name: str
    path: Path
    value: Scalar

    def holds(self, data: Any) -> bool:
        return _compare(self.operator, get(data, self.path), self.value)

    def can_hold(self, known: Mapping[str, Any]) -> bool | None:
        root = known.get(self.path[0], UNKNOWN)
        return None if root is UNKNOWN else self.holds({self.path[0]: root})

    def roots(self) -> set[str]:
        return {self.path[0]}

    def explain(self, data: Any, depth: int = 0) -> Iterator[Step]:
        found = get(data, self.path)
        yield Step(
            f"{self.operator} {self.name}: {self.value!r}, the event has {found!r:.200}", self.holds(data), depth
        )


@dataclass(frozen=True, slots=True)
class All:
    """All of these hold."""

    of: tuple[Condition, ...]

    def holds(self, data: Any) -> bool:
        return all(one.holds(data) for one in self.of)

    def can_hold(self, known: Mapping[str, Any]) -> bool | None:
        judged = [one.can_hold(known) for one in self.of]
        return False if False in judged else None if None in judged else True

    def roots(self) -> set[str]:
        return {root for one in self.of for root in one.roots()}

    def explain(self, data: Any, depth: int = 0) -> Iterator[Step]:
        yield from _explain("all", self, self.of, data, depth)


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 — `any` is the standard's word, and Python's
    """At least one of these holds."""

    of: tuple[Condition, ...]

    def holds(self, data: Any) -> bool:
        return any(one.holds(data) for one in self.of)

    def can_hold(self, known: Mapping[str, Any]) -> bool | None:
        judged = [one.can_hold(known) for one in self.of]
        return True if True in judged else None if None in judged else False

    def roots(self) -> set[str]:
        return {root for one in self.of for root in one.roots()}

    def explain(self, data: Any, depth: int = 0) -> Iterator[Step]:
        yield from _explain("any", self, self.of, data, depth)


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold."""

    one: Condition

    def holds(self, data: Any) -> bool:
        return not self.one.holds(data)

    def can_hold(self, known: Mapping[str, Any]) -> bool | None:
        judged = self.one.can_hold(known)
        return None if judged is None else not judged

    def roots(self) -> set[str]:
        return self.one.roots()

    def explain(self, data: Any, depth: int = 0) -> Iterator[Step]:
        yield from _explain("not", self, (self.one,), data, depth)


def simplified(condition: Condition, known: Mapping[str, Any]) -> Condition | bool:
    """What is left to be asked of events of which this much is known."""
    judged = condition.can_hold(known)
    if judged is not None:
        return judged
    if isinstance(condition, All | Any_):
        left = [part for one in condition.of if not isinstance(part := simplified(one, known), bool)]
        return left[0] if len(left) == 1 else type(condition)(tuple(left))
    if isinstance(condition, Not):
        one = simplified(condition.one, known)
        return not one if isinstance(one, bool) else Not(one)
    return condition


def _explain(word: str, whole: Condition, of: tuple[Condition, ...], data: Any, depth: int) -> Iterator[Step]:
    yield Step(word, whole.holds(data), depth)
    for one in of:
        yield from one.explain(data, depth + 1)


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _compare(operator: str, found: Any, value: Scalar) -> bool:
    if operator == "exact":
        if _is_number(found) and _is_number(value):
            return bool(found == value)
        return type(found) is type(value) and found == value
    if operator in TEXTS:
        return type(found) is str and type(value) is str and TEXTS[operator](found, value)
    return _is_number(found) and _is_number(value) and COMPARISONS[operator](found, value)
