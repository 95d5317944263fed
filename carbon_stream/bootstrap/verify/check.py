"""One check and what came of it, and what all of them together come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["FAILED", "PASSED", "UNKNOWN", "Check", "Status", "exit_status", "judged", "unknown"]

Status = Literal["passed", "failed", "unknown"]
PASSED, FAILED, UNKNOWN = 0, 2, 3
"""Exit statuses: all passed; something failed; nothing failed, but something could not be found out. 1 is an error."""


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is the same in every run. `details` say what is wrong, a line each; `look` is where to look."""

    area: str
    name: str
    expected: str
    seen: str
    status: Status
    look: str
    details: tuple[str, ...] = ()


def judged(area: str, name: str, expected: str, seen: str, look: str, details: Iterable[str]) -> Check:
    """A check that passes when there are no details, which say what is wrong."""
    wrong = tuple(details)
    return Check(area, name, expected, seen, "failed" if wrong else "passed", look, wrong)


def unknown(area: str, name: str, expected: str, look: str, why: str) -> Check:
    """A check that could not be made."""
    return Check(area, name, expected, "unknown", "unknown", look, (why,))


def exit_status(checks: Iterable[Check]) -> int:
    """What is not known has not passed."""
    statuses = {check.status for check in checks}
    return FAILED if "failed" in statuses else UNKNOWN if "unknown" in statuses or not statuses else PASSED
