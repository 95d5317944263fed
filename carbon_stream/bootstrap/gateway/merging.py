"""How two settings of one plugin at one place become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["joined"]


def joined(one: Mapping[str, Any], other: Mapping[str, Any], where: str = "config") -> dict[str, Any]:
    """Two settings of one plugin at one place as one: lists are put together. ValueError where they contradict."""
    result = dict(one)
    for key, value in other.items():
        there = result.get(key)
        if there is None or there == value:
            result[key] = value
        elif isinstance(there, Mapping) and isinstance(value, Mapping):
            result[key] = joined(there, value, f"{where}.{key}")
        elif isinstance(there, list) and isinstance(value, list):
            result[key] = [*there, *(item for item in value if item not in there)]
        else:
            raise ValueError(f"{where}.{key}: {there!r} and {value!r} cannot both be")
    return result
