"""Values as Grafana shows them, for the units that our panels have."""

from __future__ import annotations

from collections.abc import Callable

_LONGER = (("y", 31_557_600.0), ("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3))


def shown(value: float, unit: str) -> str:
    """A value with its unit; KeyError for a unit that no panel has had yet."""
    return _UNITS[unit](value)


def _scaled(value: float, base: float, names: str) -> str:
    for name in names:
        if abs(value) < base:
            return f"{value:.3g}{name.strip()}"
        value /= base
    return f"{value * base:.4g}{names[-1]}"


def _seconds(value: float) -> str:
    for name, length in _LONGER:
        if abs(value) >= length:
            return f"{value / length:.3g} {name}"
    return f"{value * 1000:.2g} ms" if value else "0 s"


_UNITS: dict[str, Callable[[float], str]] = {
    "short": lambda value: _scaled(value, 1_000, " KMB"),
    "cps": lambda value: f"{_scaled(value, 1_000, ' KMB')} c/s",
    "reqps": lambda value: f"{_scaled(value, 1_000, ' KMB')} req/s",
    "bytes": lambda value: f"{_scaled(value, 1_024, ' KMGT')}{'B' if abs(value) < 1_024 else 'iB'}",
    "percentunit": lambda value: f"{value * 100:.4g} %",
    "bool_yes_no": lambda value: "Yes" if value else "No",
    "ms": lambda value: _seconds(value / 1000),
    "s": _seconds,
}
