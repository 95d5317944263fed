"""A plan for the topics in words."""

from __future__ import annotations

import json
from dataclasses import asdict

from carbon_stream.bootstrap import shown as form
from carbon_stream.bootstrap.shown import Row, Shown
from carbon_stream.bootstrap.topics.plan import Plan, describe

__all__ = ["as_json", "as_reassignment", "as_text", "shown"]

_SIGNS = {"Create": "+", "Grow": "^", "Change": "~"}


def shown(plan: Plan) -> Shown:
    """One row a step, drift with the command that mends it, and remarks; `steps`, `drift`, `notes`, `workers` and
    `reassignment` for programs.
    """
    rows = [Row(_SIGNS[type(step).__name__], f"{step.topic}: {describe(step)}") for step in plan.steps]
    rows += [Row("!", f"{item.topic}: {describe(item)}") for item in plan.drift]
    commands = dict.fromkeys(item.command for item in plan.drift if item.command)
    remarks = [f"mended by: {command}" for command in commands]
    remarks += [f"{item.topic}: {describe(item)}" for item in plan.notes]
    if plan.grows and plan.workers:
        remarks.append(f"growing needs the workers drained; at work: {'; '.join(plan.workers)}")
    summary = f"{len(plan.steps)} steps to take, {len(plan.drift)} topics that need more than a step."
    document = {
        "steps": [{"step": type(step).__name__.lower(), **asdict(step)} for step in plan.steps],
        "drift": [asdict(item) for item in plan.drift],
        "notes": [asdict(item) for item in plan.notes],
        "workers": list(plan.workers),
        "reassignment": plan.reassignment,
    }
    return Shown(
        "topics",
        plan.clean,
        tuple(rows),
        tuple(remarks),
        "The topics are as they should be." if plan.clean else summary,
        document,
    )


def as_text(plan: Plan) -> str:
    """For people."""
    return form.as_text(shown(plan))


def as_json(plan: Plan) -> str:
    """For programs."""
    return form.as_json(shown(plan))


def as_reassignment(plan: Plan) -> str:
    """What kafka-reassign-partitions.sh reads; an empty list of partitions when nothing lacks a replica."""
    return json.dumps(plan.reassignment or {"version": 1, "partitions": []}, indent=2)
