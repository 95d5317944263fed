"""A dashboard as a page: each panel drawn from what Prometheus answered, in the places that Grafana gives them.

Simple on purpose: it is for looking at the data, not at Grafana. Colours of a series go by its place in the legend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboards.board import STATES, Board, Panel, span
from tests.pictures.units import shown

COLOURS = ("#3274d9", "#56a64b", "#ff780a", "#a352cc", "#e0b400", "#e02f44", "#13a3a3", "#8f3bb8", "#7c7c7c", "#b877d9")
LEGEND_MOST, BARS_MOST = 10, 15
_COLOURS_OF_STATES = {"green": "#56a64b", "yellow": "#e0b400", "text": "#9fa7b3", "red": "#e02f44"}
_STYLE = """
::-webkit-scrollbar{display:none}
body{margin:0;padding:14px;background:#f4f5f5;font:12px/1.35 system-ui,sans-serif;color:#24292e;width:1252px}
h1{font-size:17px;margin:0 0 2px} p{margin:0 0 10px;color:#5a6069}
main{display:grid;grid-template-columns:repeat(24,1fr);gap:8px}
section{background:#fff;border:1px solid #d8dbe0;border-radius:3px;padding:7px 9px;min-width:0}
h2{font-size:12.5px;margin:0 0 4px} .none{color:#b5202f;font-weight:600} .big{font-size:27px;font-weight:600}
ul{list-style:none;margin:4px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:1px 11px;font-size:10.5px}
li{max-width:100%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
i{display:inline-block;width:9px;height:3px;margin-right:4px}
svg text{font:10px system-ui,sans-serif;fill:#5a6069}
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a panel: its legend and its (time, value), values without what is no number."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        return self.points[-1][1]


def page(board: Board, when: str, drawn: Sequence[tuple[Panel, Sequence[Series]]]) -> str:
    """The whole dashboard as HTML that loads nothing."""
    stats = sum(panel.kind == "stat" for panel in board.panels)
    sections = "".join(_section(panel, series, span(panel.kind, stats)) for panel, series in drawn)
    return (
        f"<!doctype html><meta charset=utf-8><title>{escape(board.title)}</title><style>{_STYLE}</style>"
        f"<h1>carbon-stream: {escape(board.title)}</h1><p>{escape(board.description)} {escape(when)}</p>"
        f"<main>{sections}</main>"
    )


def _section(panel: Panel, series: Sequence[Series], columns: int) -> str:
    if not series:
        body = '<div class="none">No data</div>'
    elif panel.kind == "stat":
        value = series[0].last
        body = f'<div class="big" style="color:{_colour(panel, value)}">{escape(shown(value, panel.unit))}</div>'
    elif panel.kind == "bars":
        body = _bars(panel, series)
    elif panel.kind == "states":
        body = _states(series)
    else:
        body = _lines(panel, series)
    return f'<section style="grid-column:span {columns}"><h2>{escape(panel.title)}</h2>{body}</section>'


def _colour(panel: Panel, value: float) -> str:
    """Green, yellow or red, as the thresholds say."""
    if panel.thresholds is None:
        return "#3274d9"
    first, second = panel.thresholds
    if first < second:
        return "#e02f44" if value >= second else "#c79c00" if value >= first else "#56a64b"
    return "#56a64b" if value >= first else "#c79c00" if value >= second else "#e02f44"


def _bars(panel: Panel, series: Sequence[Series]) -> str:
    most = max(0.0, *(one.last for one in series)) or 1.0
    rows = []
    ordered = sorted(series, key=lambda one: -one.last)[:BARS_MOST]
    for number, one in enumerate(ordered):
        y, width = number * 16, max(0.0, 265 * one.last / most)
        name = one.name if len(one.name) <= 46 else f"…{one.name[-45:]}"
        rows.append(
            f'<text x="254" y="{y + 11}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="260" y="{y + 2}" width="{width:.1f}" height="11" fill="{_colour(panel, one.last)}"/>'
            f'<text x="{265 + width:.1f}" y="{y + 11}">{escape(shown(one.last, panel.unit))}</text>'
        )
    return f'<svg viewBox="0 0 600 {len(ordered) * 16}" width="100%">{"".join(rows)}</svg>'


def _bounds(series: Sequence[Series]) -> tuple[float, float]:
    times = [at for one in series for at, _ in one.points]
    return min(times), max(*times, min(times) + 1)


def _states(series: Sequence[Series]) -> str:
    start, end = _bounds(series)
    rows = []
    for number, one in enumerate(sorted(series, key=lambda one: one.name)):
        y = number * 15
        rows.append(f'<text x="290" y="{y + 11}" text-anchor="end">{escape(one.name[-46:])}</text>')
        ends = [at for at, _ in one.points[1:]] + [end]
        for (at, value), until in zip(one.points, ends, strict=True):
            x, width = 296 + 900 * (at - start) / (end - start), 900 * (until - at) / (end - start)
            fill = _COLOURS_OF_STATES[STATES[int(value)][1]]
            rows.append(f'<rect x="{x:.1f}" y="{y + 1}" width="{width + 0.5:.1f}" height="13" fill="{fill}"/>')
    names = "".join(f'<li><i style="background:{_COLOURS_OF_STATES[c]}"></i>{name}</li>' for name, c in STATES)
    return f'<svg viewBox="0 0 1200 {len(series) * 15}" width="100%">{"".join(rows)}</svg><ul>{names}</ul>'


def _lines(panel: Panel, series: Sequence[Series]) -> str:
    start, end = _bounds(series)
    values = [value for one in series for _, value in one.points]
    low, high = min(0.0, *values), _round_up(max(*values, 0.0))
    ordered = sorted(series, key=lambda one: -max(value for _, value in one.points))
    parts = []
    for step in range(5):
        value = low + (high - low) * step / 4
        y = 130 - 120 * step / 4
        parts.append(
            f'<line x1="52" x2="595" y1="{y}" y2="{y}" stroke="#e6e8eb"/>'
            f'<text x="47" y="{y + 3}" text-anchor="end">{escape(shown(value, panel.unit))}</text>'
        )
    for number, one in enumerate(ordered):
        points = " ".join(
            f"{52 + 543 * (at - start) / (end - start):.1f},{130 - 120 * (value - low) / (high - low):.1f}"
            for at, value in one.points
        )
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    legend = "".join(
        f'<li><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(one.name or panel.title)}'
        f" <b>{escape(shown(one.last, panel.unit))}</b></li>"
        for number, one in enumerate(ordered[:LEGEND_MOST])
    )
    more = f"<li>and {len(ordered) - LEGEND_MOST} more</li>" if len(ordered) > LEGEND_MOST else ""
    return f'<svg viewBox="0 0 600 138" width="100%">{"".join(parts)}</svg><ul>{legend}{more}</ul>'


def _round_up(value: float) -> float:
    """The next round number: 1, 2, 4, 5 or 8 with zeros."""
    if value <= 0:
        return 1.0
    power = float(10 ** math.floor(math.log10(value)))
    return next((step * power for step in (1, 2, 4, 5, 8) if value <= step * power), 10.0 * power)
