"""The table of each event's fields in the library's README, between two marks."""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sdk.generator import ROOT_FOLDER
from sdk.generator.source import COMMAND, Property, Type

BEGIN = f"<!-- begin of what is made from the catalog by `{COMMAND}` -->"
END = "<!-- end of it -->"


class Words(NamedTuple):
    """What a language calls the kinds of values."""

    mapping: str
    listing: str
    text: str
    integer: str
    number: str


PYTHON: Final = Words("mapping", "list", "str", "int", "float")


def with_tables(path: str, known: Sequence[Type]) -> str:
    """The README as it is, with what stands between the marks made anew."""
    return between_marks(path, "\n".join(line for kind in known for line in _section(kind)))


def between_marks(path: str, made: str) -> str:
    """A file as it is, with this between the marks."""
    before, _, rest = (ROOT_FOLDER / path).read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def _section(kind: Type) -> Iterator[str]:
    key = ", else ".join(f"`{name}`" for name in kind.key_fields)
    yield f"### `produce_{kind.snake}`\n"
    yield f"{kind.description} Class `{kind.name}`, topic `{kind.topic}`, keyed by {key}.\n"
    yield "| argument | type | required | meaning |\n|---|---|---|---|"
    for field in kind.ordered:
        needed = "yes" if field.required else "no"
        yield f"| `{field.attribute}` | {_type(field)} | {needed} | {field.description} |"
    for field in kind.own:
        if field.items is not None and field.items.record:
            yield f"\nEach of `{field.attribute}`, a `ColumnMapping` or a mapping with the JSON names:\n"
            yield "| attribute | JSON name | type | required | meaning |\n|---|---|---|---|---|"
            for inner in field.items.record:
                needed = "yes" if inner.required else "no"
                yield f"| `{inner.attribute}` | {inner.name} | {_type(inner)} | {needed} | {inner.description} |"
    yield ""


def _type(field: Property) -> str:
    return type_of(field, PYTHON)


def type_of(field: Property, words: Words) -> str:
    """A field's type and bounds, for the tables' second column."""
    if field.enum:
        return ", ".join(f"`{json.dumps(value)}`" for value in field.enum)
    low, high = field.bounds
    match field.kind:
        case "any":
            return "any JSON value"
        case "object":
            return f"{words.mapping}, at most {high:,} entries"
        case "array":
            assert field.items is not None
            return f"{words.listing} of {'ColumnMapping' if field.items.record else words.text}, at most {high:,}"
        case "string":
            return f"{words.text}, {'1 to' if low else 'at most'} {high:,} characters"
        case "integer":
            return words.integer if high > 1e9 else f"{words.integer}, {low} to {high}"
    return words.number if high > 1e9 else f"{words.number}, {low:g} to {high:g}"
