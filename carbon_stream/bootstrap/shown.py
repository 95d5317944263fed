"""How every area shows a plan: rows with a sign, remarks, a summing up; the same for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["Row", "Shown", "Words", "as_json", "as_text", "change_text", "value_text"]


class _Step(Protocol):
    @property
    def verb(self) -> str: ...


class _Plan(Protocol):
    """What every plan with steps, and with keys of what it leaves alone, has beside the steps."""

    @property
    def clean(self) -> bool: ...
    @property
    def left(self) -> Sequence[object]: ...
    @property
    def stale(self) -> Sequence[object]: ...
    @property
    def foreign(self) -> Sequence[object]: ...
    @property
    def notes(self) -> Sequence[str]: ...


_S = TypeVar("_S", bound=_Step)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plan. Signs: `+` create, `~` change, `-` delete, `^` grow, `!` needs more than a step here.

    `details` stand below it, indented.
    """

    sign: str
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan of one area. `remarks` ask for nothing; `document` is what programs get beside `area` and `clean`."""

    area: str
    clean: bool
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]
    summary: str
    document: Mapping[str, Any]


def as_text(shown: Shown) -> str:
    """For people."""
    lines = []
    for row in shown.rows:
        lines += [f"{row.sign} {row.text}", *(f"    {line}" for line in row.details)]
    return "\n".join([*lines, *(f"  {line}" for line in shown.remarks), shown.summary])


def as_json(shown: Shown) -> str:
    """For programs: `area`, `clean`, and the area's own members, among them `steps`, each saying which it is."""
    return json.dumps({"area": shown.area, "clean": shown.clean, **shown.document}, indent=2, ensure_ascii=False)


def value_text(value: Any) -> str:
    """A value in a line for people."""
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


def change_text(field: str, before: Any, after: Any) -> str:
    """A field that changes, in a line for people."""
    return f"{field}: {value_text(before)} -> {value_text(after)}"


@dataclass(frozen=True, slots=True)
class Words(Generic[_S]):
    """How an area tells of its steps. `signs` are by verb, in the order in which the summary counts.

    `describe` is one line, `told` the fields of a step, a line each, `document` the step for programs.
    """

    area: str
    signs: Mapping[str, str]
    describe: Callable[[_S], str]
    told: Callable[[_S], Sequence[str]]
    document: Callable[[_S], Mapping[str, Any]]

    def shown(self, plan: _Plan, steps: Sequence[_S]) -> Shown:
        """The plan as rows for people and a document for programs."""
        rows = tuple(Row(self.signs[step.verb], self.describe(step), tuple(self.told(step))) for step in steps)
        counts = [f"{sum(step.verb == verb for step in steps)} to {verb}" for verb in self.signs]
        rest = f"{len(plan.left)} as they should be, {len(plan.foreign)} not ours"
        summary = f"The {self.area} is as it should be: {rest}." if plan.clean else f"{', '.join(counts)}; {rest}."
        document = {"steps": [self.document(step) for step in steps], **_beside(plan)}
        return Shown(self.area, plan.clean, rows, _remarks(plan), summary, document)

    def stopped_text(self, done: Sequence[_S], undone: Sequence[_S], why: str) -> str:
        """What an operator reads when a run stopped: why, what was done, what was not, how to go on."""
        lines = [f"stopped, {len(done)} steps done, {len(undone)} not: {why}"]
        lines += [f"  done: {self.describe(step)}" for step in done]
        lines += [f"  not done: {self.describe(step)}" for step in undone]
        lines.append(
            "What is done may stay. To go on: mend the cause and run the same command again, it does what is left. To"
            f" look first: carbon-stream bootstrap plan {self.area}"
        )
        return "\n".join(lines)

    def report_text(self, plan: _Plan, steps: Sequence[_S]) -> str:
        """What an operator reads when all was done and looked at again."""
        lines = [f"  {line}" for line in _remarks(plan)]
        untouched = f"{len(plan.left)} were as they should be, {len(plan.foreign)} not ours"
        return "\n".join([*lines, f"The {self.area} is as it should be: {len(steps)} steps done, {untouched}."])

    def report_json(self, plan: _Plan, done: Sequence[_S], undone: Sequence[_S], why: str | None) -> str:
        """`clean` (whether it came to its end), what was left alone, `done` and `undone` as steps, `why` it stopped."""
        steps = {"done": [self.document(step) for step in done], "undone": [self.document(step) for step in undone]}
        document = {"area": self.area, "clean": why is None, **_beside(plan), **steps, "why": why}
        return json.dumps(document, indent=2, ensure_ascii=False)


def _beside(plan: _Plan) -> dict[str, Any]:
    return {
        "left": [str(key) for key in plan.left],
        "stale": [str(key) for key in plan.stale],
        "foreign": [str(key) for key in plan.foreign],
        "notes": list(plan.notes),
    }


def _remarks(plan: _Plan) -> tuple[str, ...]:
    remarks = [*plan.notes]
    if plan.stale:
        remarks.append(f"no longer wanted, left (--prune deletes): {_list(plan.stale)}")
    if plan.foreign:
        remarks.append(f"not ours, left alone: {_list(plan.foreign)}")
    return tuple(remarks)


def _list(keys: Iterable[object]) -> str:
    return ", ".join(map(str, keys))
