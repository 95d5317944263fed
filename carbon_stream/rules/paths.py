"""Fields of an event by name: `datasetName`, `details.table`, or as a JSON pointer (RFC 6901), `/details/a.b`.

And texts with fields in them: `${userId}`, `${userId|ipAddress}` for the first that is there, `$${…}` for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

__all__ = ["BadPath", "drop", "fields_of", "fill", "get", "parts", "put", "text"]

Path = tuple[str, ...]
PARTS_MAX: Final = 16
_ALIASES: Final = {"type": "eventType", "id": "eventId"}
"""CloudEvents' names of what our envelope calls otherwise."""
_PLACE: Final = re.compile(r"\$(\$)?\{([^{}]*)\}")


class BadPath(ValueError):
    """No name of a field."""


@lru_cache(maxsize=4_096)
def parts(name: str) -> Path:
    """The steps to a field. Raises BadPath."""
    if name.startswith("/"):
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in name[1:].split("/"))
    else:
        steps = tuple(name.split("."))
        steps = (_ALIASES.get(steps[0], steps[0]), *steps[1:])
    if not name or not all(steps) or len(steps) > PARTS_MAX:
        raise BadPath(f"{name!r} names no field: give datasetName, details.table or /details/table")
    return steps


def get(data: Any, path: Path) -> Any:
    """The field's value; None where it is null or absent. A step into an array is its index."""
    for step in path:
        if type(data) is dict:
            data = data.get(step)
        elif type(data) is list and step.isdecimal() and len(step) < 7 and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def put(data: dict[str, Any], path: Path, value: Any) -> None:
    """Set a field in an event of one's own; objects on the way are copied, and made where there are none."""
    for step in path[:-1]:
        inner = data.get(step)
        data[step] = inner = dict(inner) if isinstance(inner, dict) else {}
        data = inner
    data[path[-1]] = value


def drop(data: dict[str, Any], path: Path) -> None:
    """Remove a field of an event of one's own, where it is there; objects on the way are copied."""
    for step in path[:-1]:
        inner = data.get(step)
        if not isinstance(inner, dict):
            return
        data[step] = inner = dict(inner)
        data = inner
    data.pop(path[-1], None)


def fill(template: Any, data: Mapping[str, Any]) -> Any:
    """The template with the event's fields in it, at any depth. A text that is one field and nothing else becomes the
    field's value as it is; within a text, what is absent is empty, and objects are JSON.
    """
    if isinstance(template, str):
        return _fill_text(template, data)
    if isinstance(template, dict):
        return {name: fill(value, data) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(value, data) for value in template]
    return template


def _fill_text(template: str, data: Mapping[str, Any]) -> Any:
    if "${" not in template:
        return template
    whole = _PLACE.fullmatch(template)
    if whole is not None and not whole[1]:
        return _first(whole[2], data)
    return _PLACE.sub(lambda place: place[0][1:] if place[1] else text(_first(place[2], data)), template)


def _first(names: str, data: Mapping[str, Any]) -> Any:
    return next((value for name in names.split("|") if (value := get(data, parts(name))) is not None), None)


def text(value: Any) -> str:
    """A value within a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def fields_of(template: Any) -> Iterator[Path]:
    """The fields that a template asks for. Raises BadPath."""
    if isinstance(template, str):
        for escaped, names in _PLACE.findall(template):
            if not escaped:
                yield from map(parts, names.split("|"))
    elif isinstance(template, dict):
        for value in template.values():
            yield from fields_of(value)
    elif isinstance(template, list):
        for value in template:
            yield from fields_of(value)
