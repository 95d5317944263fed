"""Checks and the score for people, for programs, and as a report to keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from carbon_stream.bootstrap.verify.check import Check
from carbon_stream.bootstrap.verify.security import Score

__all__ = ["as_json", "as_markdown", "as_text", "score_json", "score_markdown", "score_text"]

_SIGNS = {"passed": "ok", "failed": "FAILED", "unknown": "unknown"}
_DETAILS_MAX = 10


def as_text(checks: Sequence[Check], at: datetime) -> str:
    """A table, what is wrong below it, and a summing up."""
    rows = [("", "check", "expected", "seen")]
    rows += [(_SIGNS[c.status], f"{c.area}: {c.name}", c.expected, c.seen) for c in checks]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(f"{row[i]:<{widths[i]}}" for i in range(3)), row[3]]).rstrip() for row in rows]
    same: dict[tuple[str, tuple[str, ...]], list[Check]] = {}
    for check in checks:
        if check.status != "passed":
            same.setdefault((check.area, check.details), []).append(check)
    for (area, details), those in same.items():
        looks = ", ".join(dict.fromkeys(check.look for check in those))
        lines += ["", f"{area}: {', '.join(check.name for check in those)}: look at {looks}"]
        lines += [f"    {line}" for line in _some(details)]
    return "\n".join([*lines, "", f"{_summary(checks)} ({at.isoformat(timespec='seconds')})"])


def as_json(checks: Sequence[Check], at: datetime) -> str:
    """All checks with all details."""
    document = {
        "at": at.isoformat(timespec="seconds"),
        "passed": all(check.status == "passed" for check in checks),
        "checks": [asdict(check) for check in checks],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_markdown(checks: Sequence[Check], at: datetime) -> str:
    """A status report."""
    lines = ["# Platform status", "", f"{at.isoformat(timespec='seconds')}: {_summary(checks)}", ""]
    lines += ["| | area | check | expected | seen | where to look |", "|---|---|---|---|---|---|"]
    for check in checks:
        cells = (_SIGNS[check.status], check.area, check.name, check.expected, check.seen, f"`{check.look}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for check in checks:
        if check.details:
            lines += ["", f"## {check.area}: {check.name}", "", *(f"- {line}" for line in check.details)]
    return "\n".join(lines)


def score_text(score: Score) -> str:
    """The parts, each point that is lost, and the sum."""
    lines = []
    for part in score.parts:
        points = "unknown" if part.points is None else f"{part.points:.0f}"
        lines.append(f"{points:>7} of {part.most:>3}  {part.name}")
        lines += [f"                {line}" for line in part.lost]
    return "\n".join([*lines, f"{score.points:>7} of 100" + ("" if score.known else ", not all of it known")])


def score_json(score: Score) -> str:
    """The same for programs."""
    document = {
        "points": score.points,
        "of": 100,
        "known": score.known,
        "parts": [asdict(part) for part in score.parts],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def score_markdown(score: Score) -> str:
    """The same as a report."""
    lines = [
        "# Security score",
        "",
        f"**{score.points} of 100**",
        "",
        "| subject | points | of | lost by |",
        "|---|---|---|---|",
    ]
    for part in score.parts:
        points = "unknown" if part.points is None else f"{part.points:.0f}"
        lines.append(f"| {part.name} | {points} | {part.most} | {'; '.join(part.lost).replace('|', '/')} |")
    return "\n".join(lines)


def _summary(checks: Sequence[Check]) -> str:
    counts = {status: sum(check.status == status for check in checks) for status in _SIGNS}
    return f"{counts['passed']} of {len(checks)} passed, {counts['failed']} failed, {counts['unknown']} unknown"


def _some(details: Sequence[str]) -> list[str]:
    more = len(details) - _DETAILS_MAX
    return [*details[:_DETAILS_MAX], *([f"… and {more} more (--output json shows all)"] if more > 0 else [])]
