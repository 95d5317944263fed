"""Which events a reader of the live tail wants. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME
from carbon_stream.query.parameters import refused, text

FIELDS_MAX = 10
PARAMETERS = ("eventType", "topic", "source", "entity", "correlationId", "eventId", "field")
_NOT_THERE = object()


@dataclass(frozen=True, slots=True)
class Field:
    """A field that must have a value: its name, or a path with dots, and the value as text."""

    path: str
    value: str

    def holds(self, event: Mapping[str, Any]) -> bool:
        """Texts are compared as they are, numbers, true, false and null as JSON writes them."""
        found = _at(event, self.path)
        if found is _NOT_THERE:
            return False
        return found == self.value if isinstance(found, str) else _plain(found) == self.value


@dataclass(frozen=True, slots=True)
class Filter:
    """All that is given must hold. Of each set, one will do; None wants any."""

    topics: frozenset[str]
    sources: frozenset[str] | None = None
    entity: str | None = None
    event_id: str | None = None
    correlation_id: str | None = None
    fields: tuple[Field, ...] = ()

    @property
    def wants_refused(self) -> bool:
        """Records that are no valid events are shown to those who asked for nothing that only events have."""
        return not (self.sources or self.entity or self.event_id or self.correlation_id or self.fields)

    def accepts(self, topic: str, event: Mapping[str, Any]) -> bool:
        """Whether the reader wants this event of a topic that is among `topics`."""
        return (
            (self.sources is None or event.get("source") in self.sources)
            and (self.entity is None or BY_NAME[topic].key(event) == self.entity)
            and (self.event_id is None or event.get("eventId") == self.event_id)
            and (self.correlation_id is None or event.get("correlationId") == self.correlation_id)
            and all(field.holds(event) for field in self.fields)
        )


def filter_of(given: Mapping[str, str], fields: Collection[str] = ()) -> Filter:
    """The filter that query parameters ask for; ProblemError 400 for what cannot be meant."""
    topics = _several(given, "topic", BY_NAME)
    types = _several(given, "eventType", BY_EVENT_TYPE)
    wanted = set(BY_NAME if topics is None else topics)
    if types is not None:
        wanted &= {BY_EVENT_TYPE[name].name for name in types}
    if not wanted:
        raise refused("eventType", "none of these types is on one of these topics")
    sources = text(given, "source")
    return Filter(
        topics=frozenset(wanted),
        sources=None if sources is None else frozenset(_words("source", sources)),
        entity=text(given, "entity"),
        event_id=text(given, "eventId"),
        correlation_id=text(given, "correlationId"),
        fields=_fields(fields),
    )


def _several(given: Mapping[str, str], name: str, known: Collection[str]) -> list[str] | None:
    value = text(given, name)
    if value is None:
        return None
    words = _words(name, value)
    for word in words:
        if word not in known:
            raise refused(name, f"{word} is not one of {', '.join(known)}")
    return words


def _words(name: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise refused(name, "one of the names between commas is empty")
    return words


def _fields(given: Collection[str]) -> tuple[Field, ...]:
    if len(given) > FIELDS_MAX:
        raise refused("field", f"is given more than {FIELDS_MAX} times")
    fields = []
    for one in given:
        path, equals, value = one.partition("=")
        if not equals or not path or len(one) > 1_024:
            raise refused("field", "is not name=value with 1,024 characters at most, such as status=FAILURE")
        fields.append(Field(path, value))
    return tuple(fields)


def _at(event: Mapping[str, Any], path: str) -> object:
    """A field whose name has the dots in it goes before one inside another."""
    if path in event:
        return event[path]
    value: Any = event
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _NOT_THERE
        value = value[name]
    return value


def _plain(value: object) -> str | None:
    return orjson.dumps(value).decode() if value is None or isinstance(value, bool | int | float) else None
