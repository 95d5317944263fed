"""A plan for the gateway in words, and a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from carbon_stream.bootstrap.gateway.plan import Action, Plan
from carbon_stream.bootstrap.gateway.secrets import MASK
from carbon_stream.bootstrap.shown import Row, Shown

__all__ = ["describe", "report_json", "report_text", "shown", "stopped_text", "told"]

_SIGNS = {"create": "+", "change": "~", "delete": "-"}


def describe(action: Action) -> str:
    """One line: what is done to what."""
    return f"{action.verb} {action.key}"


def told(action: Action) -> list[str]:
    """The fields of an action, a line each: of a change the old and the new value, of a creation what is said."""
    if action.verb == "change":
        return [f"{change.field}: {_value(change.before)} -> {_value(change.after)}" for change in action.changes]
    if action.verb == "create":
        return [f"{name}: {_value(value)}" for name, value in _flat(_bare(action))]
    return []


def shown(plan: Plan) -> Shown:
    """The plan as rows for people and a document for programs."""
    rows = [Row(_SIGNS[action.verb], describe(action), tuple(told(action))) for action in plan.actions]
    remarks = [*plan.notes]
    if plan.stale:
        remarks.append(f"no longer wanted, left (--prune deletes): {_list(plan.stale)}")
    if plan.foreign:
        remarks.append(f"not ours, left alone: {_list(plan.foreign)}")
    counts = [f"{sum(action.verb == verb for action in plan.actions)} to {verb}" for verb in _SIGNS]
    rest = f"{len(plan.left)} as they should be, {len(plan.foreign)} not ours"
    summary = f"The gateway is as it should be: {rest}." if plan.clean else f"{', '.join(counts)}; {rest}."
    document = {
        "steps": [_step(action) for action in plan.actions],
        "left": [str(key) for key in plan.left],
        "stale": [str(key) for key in plan.stale],
        "foreign": [str(key) for key in plan.foreign],
        "notes": list(plan.notes),
    }
    return Shown("gateway", plan.clean, tuple(rows), tuple(remarks), summary, document)


def stopped_text(done: Sequence[Action], undone: Sequence[Action], why: str) -> str:
    """What an operator reads when a run stopped: why, what was done, what was not, how to go on."""
    lines = [f"stopped, {len(done)} actions done, {len(undone)} not: {why}"]
    lines += [f"  done: {describe(action)}" for action in done]
    lines += [f"  not done: {describe(action)}" for action in undone]
    lines.append(
        "What is done may stay. To go on: mend the cause and run the same command again, it does what is left. To look"
        " first: carbon-stream bootstrap plan gateway"
    )
    return "\n".join(lines)


def report_text(plan: Plan) -> str:
    """What an operator reads when all was done and looked at again."""
    lines = [f"  {line}" for line in shown(plan).remarks]
    untouched = f"{len(plan.left)} were as they should be, {len(plan.foreign)} not ours"
    lines.append(f"The gateway is as it should be: {len(plan.actions)} actions done, {untouched}.")
    return "\n".join(lines)


def report_json(plan: Plan, done: Sequence[Action], undone: Sequence[Action], why: str | None) -> str:
    """`clean` (whether it came to its end), `done` and `undone` as steps, `why` it stopped, and what was left alone."""
    document = {
        **shown(plan).document,
        "done": [_step(action) for action in done],
        "undone": [_step(action) for action in undone],
        "why": why,
    }
    document.pop("steps")
    return json.dumps({"area": "gateway", "clean": why is None, **document}, indent=2, ensure_ascii=False)


def _step(action: Action) -> dict[str, Any]:
    return {
        "step": action.verb,
        "kind": action.key.kind,
        "name": action.key.name,
        "on": action.key.on,
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after} for change in action.changes
        ],
        "values": _bare(action) if action.verb == "create" else {},
    }


def _bare(action: Action) -> dict[str, Any]:
    """What an action says, references by name, secrets masked."""
    return {**action.refs, **_masked(action.body)}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return MASK if hasattr(value, "get_secret_value") else value


def _flat(body: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in (None, [], {}) and name != "name":
            yield f"{prefix}{name}", value


def _value(value: Any) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False)


def _list(keys: Iterable[object]) -> str:
    return ", ".join(map(str, keys))
