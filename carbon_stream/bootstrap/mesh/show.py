"""A plan for the mesh in words, and a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carbon_stream.bootstrap.mesh.plan import Difference, Plan, Step
from carbon_stream.bootstrap.shown import Shown, Words, change_text, value_text

__all__ = ["WORDS", "describe", "shown", "told"]


def describe(step: Step) -> str:
    """One line: what is done to what."""
    return f"{step.verb} {step.key}" + (f" ({step.why})" if step.why else "")


def told(step: Step) -> list[str]:
    """The fields of a step, a line each: of a change the old and the new value, of a creation what is said."""
    if step.verb == "create":
        body = step.body or {}
        return [f"{name}: {value_text(value)}" for name, value in _flat(body.get("spec") or {}, "spec.")]
    return [_change(change) for change in step.changes]


def shown(plan: Plan) -> Shown:
    """The plan as rows for people and a document for programs."""
    return WORDS.shown(plan, plan.steps)


def _document(step: Step) -> dict[str, Any]:
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
    return change_text(change.field, change.before, change.after) + by


def _flat(body: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


WORDS = Words("mesh", {"create": "+", "change": "~", "delete": "-", "restart": "^"}, describe, told, _document)
