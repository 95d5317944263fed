"""The table of each event's fields in the Node.js library's README, between the marks."""

import json
from collections.abc import Iterator, Sequence

from sdk.generator.python_readme import between_marks
from sdk.generator.source import Property, Type


def with_tables(path: str, known: Sequence[Type]) -> str:
    """The README as it is, with what stands between the marks made anew."""
    return between_marks(path, "\n".join(line for kind in known for line in _section(kind)))


def _section(kind: Type) -> Iterator[str]:
    key = ", else ".join(f"`{name}`" for name in kind.key_fields)
    yield f"### `produce{kind.name}`\n"
    yield f"{kind.description} Type `{kind.name}`, topic `{kind.topic}`, keyed by {key}.\n"
    yield "| property | type | required | meaning |\n|---|---|---|---|"
    for field in kind.ordered:
        yield _row(field)
    for field in kind.own:
        if field.items is not None and field.items.record:
            yield f"\nEach of `{field.name}`, a `ColumnMapping`:\n"
            yield "| property | type | required | meaning |\n|---|---|---|---|"
            yield from map(_row, field.items.record)
    yield ""


def _row(field: Property) -> str:
    return f"| `{field.name}` | {_type(field)} | {'yes' if field.required else 'no'} | {field.description} |"


def _type(field: Property) -> str:
    if field.enum:
        return ", ".join(f"`{json.dumps(value)}`" for value in field.enum)
    low, high = field.bounds
    match field.kind:
        case "any":
            return "any JSON value"
        case "object":
            return f"object, at most {high:,} entries"
        case "array":
            assert field.items is not None
            return f"array of {'ColumnMapping' if field.items.record else 'string'}, at most {high:,}"
        case "string":
            return f"string, {'1 to' if low else 'at most'} {high:,} characters"
        case "integer":
            return "integer" if high > 1e9 else f"integer, {low} to {high}"
    return "number" if high > 1e9 else f"number, {low:g} to {high:g}"
