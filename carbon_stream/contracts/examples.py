"""The golden examples: events that are valid and events that are not, for every type, as package data.

`golden/<eventType>.json` has events with the pointers and types of the errors that the invalid ones must give;
`golden/bytes.json` has record values of one topic that are right or wrong as bytes. Every codec and SDK is tested
against them.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from carbon_stream.contracts.catalog import BY_EVENT_TYPE


@dataclass(frozen=True, slots=True)
class Example:
    """An event of a golden file. `errors` are pairs of pointer and type; none for a valid event."""

    name: str
    event: dict[str, Any]
    errors: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RawExample:
    """A record value. `reason` is None when it is valid; `values` are fields (JSON names) that it then has."""

    name: str
    raw: bytes
    reason: str | None
    errors: tuple[tuple[str, str], ...]
    values: dict[str, Any]


def valid(event_type: str) -> tuple[Example, ...]:
    """The valid examples of a type, the fullest first; KeyError for a type that is not in the catalog."""
    return tuple(Example(entry["name"], entry["event"]) for entry in _golden(event_type)["valid"])


def invalid(event_type: str) -> tuple[Example, ...]:
    """The invalid examples of a type; KeyError for a type that is not in the catalog."""
    return tuple(Example(entry["name"], entry["event"], _errors(entry)) for entry in _golden(event_type)["invalid"])


def example(event_type: str) -> dict[str, Any]:
    """One valid event with every field of its type; KeyError for a type that is not in the catalog."""
    return valid(event_type)[0].event


def raw_examples() -> tuple[str, tuple[RawExample, ...]]:
    """A topic, and record values that are right or wrong on it."""
    golden = _read("bytes")
    return golden["topic"], tuple(
        RawExample(
            entry["name"],
            base64.b64decode(entry["base64"], validate=True),
            entry.get("reason"),
            _errors(entry),
            entry.get("values", {}),
        )
        for entry in (*golden["valid"], *golden["invalid"])
    )


def _errors(entry: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((error["pointer"], error["type"]) for error in entry.get("errors", ()))


def _golden(event_type: str) -> dict[str, Any]:
    return _read(BY_EVENT_TYPE[event_type].event_type)


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(_text(name))  # anew each time: the caller may change what it gets
    return data


@cache
def _text(name: str) -> str:
    return (files("carbon_stream.contracts") / "golden" / f"{name}.json").read_text(encoding="utf-8")
