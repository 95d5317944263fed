"""A plan as text for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from carbon_stream.bootstrap.topics.plan import Plan, describe

__all__ = ["as_json", "as_reassignment", "as_text"]

_SIGNS = {"Create": "+", "Grow": "^", "Change": "~"}


def as_text(plan: Plan) -> str:
    """One line a step, drift with the command that mends it, notes, and a summing up."""
    lines = [f"{_SIGNS[type(step).__name__]} {step.topic}: {describe(step)}" for step in plan.steps]
    lines += [f"! {item.topic}: {describe(item)}" for item in plan.drift]
    commands = dict.fromkeys(item.command for item in plan.drift if item.command)
    lines += [f"  mended by: {command}" for command in commands]
    lines += [f"  {item.topic}: {describe(item)}" for item in plan.notes]
    if plan.grows and plan.workers:
        lines.append(f"  growing needs the workers drained; at work: {'; '.join(plan.workers)}")
    if plan.clean:
        lines.append("The topics are as they should be.")
    else:
        lines.append(f"{len(plan.steps)} steps to take, {len(plan.drift)} topics that need more than a step.")
    return "\n".join(lines)


def as_json(plan: Plan) -> str:
    """`clean`, `steps`, `drift`, `notes`, `workers`, `reassignment`; a step says which it is."""
    steps = [{"step": type(step).__name__.lower(), **asdict(step)} for step in plan.steps]
    document = {
        "clean": plan.clean,
        "steps": steps,
        "drift": [asdict(item) for item in plan.drift],
        "notes": [asdict(item) for item in plan.notes],
        "workers": list(plan.workers),
        "reassignment": plan.reassignment,
    }
    return json.dumps(document, indent=2)


def as_reassignment(plan: Plan) -> str:
    """What kafka-reassign-partitions.sh reads; an empty list of partitions when nothing lacks a replica."""
    return json.dumps(plan.reassignment or {"version": 1, "partitions": []}, indent=2)
