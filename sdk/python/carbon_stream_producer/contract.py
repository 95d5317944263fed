"""The shape of the generated tables: what the library knows of each event type."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["string", "integer", "number", "object", "array", "any", "record"]

EVENT_BYTES: Final = 1024 * 1024
NESTING: Final = 32
INT64_MIN: Final = -(2**63)
UINT64_MAX: Final = 2**64 - 1
ERRORS: Final = 20
"""The most errors that are listed for one event."""


class Field(NamedTuple):
    """One field. `low` and `high` are inclusive: of a number, or of the length of a string, map or list."""

    name: str
    attribute: str
    kind: Kind
    required: bool = False
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    enum: tuple[str, ...] = ()
    items: "Field | None" = None
    record: "tuple[Field, ...]" = ()


class EventType(NamedTuple):
    """One event type. `check` is quick and sure when it says yes; what it says no to, the table decides."""

    name: str
    topic: str
    key_fields: tuple[str, ...]
    fields: tuple[Field, ...]
    check: Callable[[dict[str, Any]], bool]
    version_of_its_own: bool
    """`version` is part of the payload, and never filled in."""
