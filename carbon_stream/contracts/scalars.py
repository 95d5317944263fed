"""The kinds of value that payload models are made of.

Each is strict (no number from a string or a boolean), except that an integer may be written as an integral float
(`200.0`), as JavaScript and some serialisers do. Bounds are annotations of `annotated_types`, so that schema, fast
decoder and documentation can be derived from them.
"""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BeforeValidator, Strict

from carbon_stream.contracts import limits

DEFAULT_VERSION = "1.0.0"


def integral(value: object) -> object:
    """An integral float is the integer; anything else is left to the validation that follows."""
    return int(value) if type(value) is float and value.is_integer() else value


def empty_map(value: object) -> object:
    return {} if value is None else value


def empty_list(value: object) -> object:
    return [] if value is None else value


def default_version(value: object) -> object:
    return DEFAULT_VERSION if value is None else value


NULL_MEANS_DEFAULT = (empty_map, empty_list, default_version)
"""Validators before which null is allowed although the value is never None."""

EventId = Annotated[str, Strict(), MinLen(1), MaxLen(limits.EVENT_ID_CHARS)]
Name = Annotated[str, Strict(), MinLen(1), MaxLen(limits.NAME_CHARS)]
"""A name that identifies something: never empty."""
Label = Annotated[str, Strict(), MaxLen(limits.NAME_CHARS)]
"""A name that identifies nothing by itself; may be empty."""
Address = Annotated[str, Strict(), MaxLen(limits.ADDRESS_CHARS)]
"""A network address, or any other string: producers send "unknown"."""
Location = Annotated[str, Strict(), MaxLen(limits.LOCATION_CHARS)]
Text = Annotated[str, Strict(), MaxLen(limits.TEXT_CHARS)]
Query = Annotated[str, Strict(), MaxLen(limits.QUERY_CHARS)]

Version = Annotated[Label, BeforeValidator(default_version)]

TimestampMs = Annotated[int, Strict(), Ge(limits.TIMESTAMP_MIN_MS), Le(limits.INT64_MAX), BeforeValidator(integral)]
Count = Annotated[int, Strict(), Ge(0), Le(limits.INT64_MAX), BeforeValidator(integral)]
StatusCode = Annotated[int, Strict(), Ge(100), Le(599), BeforeValidator(integral)]
LatencyMs = Annotated[float, Strict(), Ge(0), Le(limits.LATENCY_MAX_MS)]
Ratio = Annotated[float, Strict(), Ge(0), Le(1)]

FreeMap = Annotated[dict[str, Any], MaxLen(limits.MAP_ENTRIES), BeforeValidator(empty_map)]
"""A map with any values; absent and null are the empty map."""
ColumnNames = Annotated[list[Name], MaxLen(limits.COLUMNS), BeforeValidator(empty_list)]
DatasetNames = Annotated[list[Name], MaxLen(limits.DATASETS), BeforeValidator(empty_list)]

Outcome = Literal["SUCCESS", "FAILURE", "DENIED"]
"""The result of an audited action."""
