"""A run's findings for people and for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from bench.figures import Figure, Part, Series
from bench.options import Options


def lines(parts: Sequence[Part]) -> Iterator[str]:
    """Tables, one for each part."""
    for part in parts:
        yield ""
        yield f"== {part.name}"
        if part.series:
            yield from _table(("", "a second", "CPU µs each", ""), [_series_row(series) for series in part.series])
        yield from _table(("", "", "", ""), [_figure_row(figure) for figure in part.figures])


def document(parts: Sequence[Part], options: Options) -> dict[str, Any]:
    """The same, with every sample and what it was measured on."""
    return {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "options": asdict(options),
        "parts": {part.name: part.document() for part in parts},
    }


def _series_row(series: Series) -> tuple[str, ...]:
    more = ", ".join(f"{name} {value:,.1f}" for name, value in series.more().items())
    return f"{series.name} ({series.unit})", f"{series.rate():,.0f}", f"{series.cpu_us():,.1f}", more


def _figure_row(figure: Figure) -> tuple[str, ...]:
    asked = [
        f"{word} {bound:g} {figure.unit}"
        for word, bound in (("at least", figure.least), ("at most", figure.most))
        if bound is not None
    ]
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    return figure.name, f"{figure.value:,.2f} {figure.unit}", " and ".join(asked), verdict


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    shown = [head, *rows] if any(head) else list(rows)
    widths = [max((len(row[column]) for row in shown), default=0) for column in range(len(head))]
    for row in shown:
        first, *others = (
            cell.ljust(width) if place in (0, 3) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join((first, *others)).rstrip()
