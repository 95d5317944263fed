"""The table of each event's fields in the Node.js library's README, between the marks."""

from collections.abc import Iterator, Sequence
from typing import Final

from sdk.generator.python_readme import Words, between_marks, type_of
from sdk.generator.source import Property, Type

NODE: Final = Words("object", "array", "string", "integer", "number")


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
    return f"| `{field.name}` | {type_of(field, NODE)} | {'yes' if field.required else 'no'} | {field.description} |"
