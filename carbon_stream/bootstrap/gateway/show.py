"""A plan for the gateway in words, and a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carbon_stream.bootstrap.gateway.plan import Action, Plan
from carbon_stream.bootstrap.gateway.secrets import MASK
from carbon_stream.bootstrap.shown import Shown, Words, change_text, value_text

__all__ = ["WORDS", "describe", "shown", "told"]


def describe(action: Action) -> str:
    """One line: what is done to what."""
    return f"{action.verb} {action.key}"


def told(action: Action) -> list[str]:
    """The fields of an action, a line each: of a change the old and the new value, of a creation what is said."""
    if action.verb == "change":
        return [change_text(change.field, change.before, change.after) for change in action.changes]
    if action.verb == "create":
        return [f"{name}: {value_text(value)}" for name, value in _flat(_bare(action))]
    return []


def shown(plan: Plan) -> Shown:
    """The plan as rows for people and a document for programs."""
    return WORDS.shown(plan, plan.actions)


def _document(action: Action) -> dict[str, Any]:
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


WORDS = Words("gateway", {"create": "+", "change": "~", "delete": "-"}, describe, told, _document)
