"""How every area shows a plan: rows with a sign, remarks, a summing up; the same for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "Shown", "as_json", "as_text"]


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
