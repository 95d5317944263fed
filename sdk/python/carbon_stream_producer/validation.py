"""Says what is wrong with an event, by the tables that are made from its JSON Schema. Pure.

Errors have the pointers and types that the service gives for the same event.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from carbon_stream_producer.contract import ERRORS, INT64_MIN, UINT64_MAX, EventType, Field
from carbon_stream_producer.errors import FieldError, InvalidEvent

__all__ = ["check", "errors_of", "pointer"]

_WANTED = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "object": "a mapping",
    "array": "a list",
    "record": "a mapping",
}
_SHOWN_CHARS = 60


def check(kind: EventType, event: dict[str, Any]) -> None:
    """InvalidEvent unless the event (JSON names) keeps its contract."""
    if not kind.check(event):
        found = errors_of(kind, event)
        if found:
            raise InvalidEvent(kind.name, found)


def errors_of(kind: EventType, event: dict[str, Any]) -> tuple[FieldError, ...]:
    """Every error, up to ERRORS; none for an event that is valid."""
    found = (error for error, _ in zip(_record(kind.fields, event, ""), range(ERRORS), strict=False))
    return tuple(found)


def pointer(parent: str, part: str | int) -> str:
    """An RFC 6901 pointer one step further."""
    return f"{parent}/{str(part).replace('~', '~0').replace('/', '~1')}"


def _record(fields: Sequence[Field], values: dict[str, Any], parent: str) -> Iterator[FieldError]:
    for field in fields:
        where = f"{parent}/{field.name}"
        if field.name in values:
            yield from _value(field, values[field.name], where)
        elif field.required:
            yield FieldError(where, "missing", "is required: pass it", field.attribute)


def _value(field: Field, value: Any, where: str) -> Iterator[FieldError]:
    if field.kind == "any" or (value is None and field.nullable):
        return
    if field.enum:
        if value not in field.enum:
            near = get_close_matches(str(value).upper(), field.enum, n=1) if isinstance(value, str) else ()
            hint = f" (did you mean {near[0]}?)" if near else ""
            told = f"must be one of {', '.join(field.enum)}; not {_shown(value)}{hint}"
            yield FieldError(where, "enum", told, field.attribute)
        return
    if not _is(field, value):
        found = _shown(value) if isinstance(value, float) else _described(value)
        yield FieldError(where, "type", f"must be {_WANTED[field.kind]}, not {found}", field.attribute)
        return
    problem = _number(field, value) if field.kind in ("integer", "number") else _length(field, value)
    if problem is not None:
        yield FieldError(where, *problem, field.attribute)
    elif field.kind == "record":
        yield from _record(field.record, value, where)
    elif field.items is not None:
        for index, item in enumerate(value):
            yield from _value(field.items, item, f"{where}/{index}")


def _is(field: Field, value: Any) -> bool:
    match field.kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list | tuple)
    return isinstance(value, dict)


def _number(field: Field, value: Any) -> tuple[str, str] | None:
    if value != value or value in (float("inf"), float("-inf")):
        return "range", "must be a finite number"
    if field.low is not None and value < field.low:
        if field.name == "timestamp":
            hint = "this looks like seconds: multiply by 1000" if value > 0 else "leave it out where it is not known"
            return "timestamp", f"must be milliseconds since the epoch, not {_shown(value)}; {hint}"
        return "range", f"must be at least {field.low:g}, not {_shown(value)}"
    if field.high is not None and value > field.high:
        return "range", f"must be at most {field.high:,}, not {_shown(value)}"
    return None


def _length(field: Field, value: Any) -> tuple[str, str] | None:
    if field.low is not None and len(value) < field.low:
        return "empty", "must not be empty"
    if field.high is not None and len(value) > field.high:
        what = "characters" if field.kind == "string" else "entries"
        return "too-long", f"must have at most {field.high:,} {what}, not {len(value):,}: shorten it"
    return None


def _described(value: object) -> str:
    match value:
        case None:
            return "None"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case str():
            return f"the string {_shown(value)}"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return f"a {type(value).__name__}"


def _shown(value: object) -> str:
    """A value in a message: short, and printable."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN_CHARS else value[: _SHOWN_CHARS - 3] + "...")
    if isinstance(value, int) and not INT64_MIN <= value <= UINT64_MAX:
        return "an integer beyond 64 bits"  # too long a one cannot even be written
    return repr(value) if isinstance(value, int | float | None) else _described(value)
