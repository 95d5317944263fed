"""What an expression of PromQL names: metrics, and labels with the values that are asked for.

No parser of the language: expressions here are our own, and Prometheus itself checks their syntax.
"""

from __future__ import annotations

import re

from carbon_stream.observability.metrics import METRICS

_NAME = re.compile(r"(?<![\w:])([a-z][a-z0-9_]*:[a-zA-Z0-9_:]+|carbon_stream_[a-zA-Z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
OF_A_TARGET = {"job", "instance", "pod", "namespace", "container", "service"}
"""Labels that a scrape adds; those of a metric that are named alike keep their names (honorLabels)."""


def series_of_metrics() -> dict[str, set[str]]:
    """Every series name that the service exposes, with its labels."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = set(metric.labels)
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{part}": labels for part in ("sum", "count")}
            found[f"{metric.name}_bucket"] = labels | {"le"}
        else:
            found[metric.name] = labels
    return found


def selectors(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Each series that is named, ours or recorded, with its matchers."""
    return [(name, dict(_MATCHER.findall(matchers))) for name, matchers in _NAME.findall(expression)]


def grouped_labels(expression: str) -> set[str]:
    """Labels that the expression groups or matches by."""
    return {label.strip() for group in _GROUPED.findall(expression) for label in group.split(",") if label.strip()}


def unknown(expression: str, known: dict[str, set[str]]) -> list[str]:
    """What the expression names that nobody exposes or records."""
    named = selectors(expression)
    lacks = [name for name, _ in named if name not in known]
    labels: set[str] = set()
    for name, matchers in named:
        has = known.get(name, set()) | OF_A_TARGET
        lacks += [f"{name}{{{label}}}" for label in matchers if label not in has]
        labels |= has
    if named:
        lacks += [f"by ({label})" for label in grouped_labels(expression) if label not in labels]
    return lacks
