"""A plan for the mesh in words, and a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from carbon_stream.bootstrap.mesh.plan import Difference, Plan, Step
from carbon_stream.bootstrap.shown import Row, Shown

__all__ = ["describe", "report_json", "report_text", "shown", "stopped_text", "told"]

_SIGNS = {"create": "+", "change": "~", "delete": "-", "restart": "^"}


def describe(step: Step) -> str:
    """One line: what is done to what."""
    return f"{step.verb} {step.key}" + (f" ({step.why})" if step.why else "")


def told(step: Step) -> list[str]:
    """The fields of a step, a line each: of a change the old and the new value, of a creation what is said."""
    if step.verb == "create":
        body = step.body or {}
        return [f"{name}: {_value(value)}" for name, value in _flat(body.get("spec") or {}, "spec.")]
    return [_change(change) for change in step.changes]


def shown(plan: Plan) -> Shown:
    """The plan as rows for people and a document for programs."""
    rows = [Row(_SIGNS[step.verb], describe(step), tuple(told(step))) for step in plan.steps]
    remarks = [*plan.notes]
    if plan.stale:
        remarks.append(f"no longer wanted, left (--prune deletes): {_list(plan.stale)}")
    if plan.foreign:
        remarks.append(f"not ours, left alone: {_list(plan.foreign)}")
    counts = [f"{sum(step.verb == verb for step in plan.steps)} to {verb}" for verb in _SIGNS]
    rest = f"{len(plan.left)} as they should be, {len(plan.foreign)} not ours"
    summary = f"The mesh is as it should be: {rest}." if plan.clean else f"{', '.join(counts)}; {rest}."
    return Shown("mesh", plan.clean, tuple(rows), tuple(remarks), summary, _document(plan))


def stopped_text(done: Sequence[Step], undone: Sequence[Step], why: str) -> str:
    """What an operator reads when a run stopped: why, what was done, what was not, how to go on."""
    lines = [f"stopped, {len(done)} steps done, {len(undone)} not: {why}"]
    lines += [f"  done: {describe(step)}" for step in done]
    lines += [f"  not done: {describe(step)}" for step in undone]
    lines.append(
        "What is done may stay. To go on: mend the cause and run the same command again, it does what is left. To look"
        " first: carbon-stream bootstrap plan mesh"
    )
    return "\n".join(lines)


def report_text(plan: Plan) -> str:
    """What an operator reads when all was done and looked at again."""
    lines = [f"  {line}" for line in shown(plan).remarks]
    untouched = f"{len(plan.left)} were as they should be, {len(plan.foreign)} not ours"
    return "\n".join([*lines, f"The mesh is as it should be: {len(plan.steps)} steps done, {untouched}."])


def report_json(plan: Plan, done: Sequence[Step], undone: Sequence[Step], why: str | None) -> str:
    """`clean` (whether it came to its end), `done` and `undone` as steps, `why` it stopped, and what was left alone."""
    document = {name: value for name, value in _document(plan).items() if name != "steps"}
    document |= {"done": [_step(step) for step in done], "undone": [_step(step) for step in undone], "why": why}
    return json.dumps({"area": "mesh", "clean": why is None, **document}, indent=2, ensure_ascii=False)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [_step(step) for step in plan.steps],
        "left": [str(key) for key in plan.left],
        "stale": [str(key) for key in plan.stale],
        "foreign": [str(key) for key in plan.foreign],
        "notes": list(plan.notes),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "step": step.verb,
        "kind": step.key.kind,
        "namespace": step.key.namespace,
        "name": step.key.name,
        "why": step.why,
        "changes": [
            {"field": each.field, "before": each.before, "after": each.after, "setBy": each.holder or None}
            for each in step.changes
        ],
        "values": dict((step.body or {}).get("spec") or {}) if step.verb == "create" else {},
    }


def _change(change: Difference) -> str:
    by = f" (set by {change.holder})" if change.holder else ""
    return f"{change.field}: {_value(change.before)} -> {_value(change.after)}{by}"


def _flat(body: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _value(value: Any) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


def _list(keys: Iterable[object]) -> str:
    return ", ".join(map(str, keys))
