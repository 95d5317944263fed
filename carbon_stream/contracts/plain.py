"""Events that have nothing but what their contract names, read and written without a dictionary in between.

Nearly all events at the door are such. What is anything else (further fields, deep values, null where the envelope may
lack something, a `context`, an API key, or not valid at all) is left to the codec, which knows what to say of it.

What is read can be written again: the same fields with the same values, those that are absent left out, in the
contract's order, so that two texts of one event become the same bytes.
"""

from collections.abc import Hashable
from dataclasses import replace
from functools import cache
from math import ceil, floor
from typing import Any, ClassVar, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.contracts.fast import type_of
from carbon_stream.contracts.fields import FieldSpec, Shape, fields

__all__ = ["PlainEvent", "convert", "key_of", "read", "topic_of", "write"]

_NOT_PLAIN: Final = frozenset({"eventType", "context", "apiKey"})
"""The first is the tag; to the others something is done."""
_MAY_BE_FILLED_IN: Final = frozenset({"eventId", "timestamp", "version", "correlationId"})


class PlainEvent(msgspec.Struct, kw_only=True):
    """The envelope; each type's struct has the payload's fields as well. UNSET stands for what is absent."""

    __topic__: ClassVar[Topic]
    __key__: ClassVar[tuple[str, ...]]
    """The attributes that give the record's key."""

    event_id: str | UnsetType = UNSET
    timestamp: int | UnsetType = UNSET
    source: str
    version: str | UnsetType = UNSET
    correlation_id: str | UnsetType = UNSET


def read(raw: bytes) -> PlainEvent | None:
    """The event that the bytes hold; None says that it is for the codec to judge. Their length is not looked at."""
    try:
        return cast(PlainEvent, _decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def convert(data: dict[str, Any]) -> PlainEvent | None:
    """The same of an event that has been parsed."""
    try:
        return cast(PlainEvent, msgspec.convert(data, _ANY))
    except msgspec.MsgspecError:
        return None


def topic_of(event: PlainEvent) -> Topic:
    """The topic of its type."""
    return event.__topic__


def key_of(event: PlainEvent) -> str | None:
    """The key of its record, as `Topic.key` has it."""
    for attribute in event.__key__:
        value = getattr(event, attribute)
        if value and value is not UNSET:
            return cast(str, value)
    return None


write = msgspec.json.Encoder().encode
"""An event as JSON."""


def _field(spec: FieldSpec, envelope: bool) -> Any:
    shape = spec.shape
    if envelope and spec.name in _MAY_BE_FILLED_IN:
        shape = replace(shape, nullable=False)
    kind = type_of(shape, True, _record)
    if shape.kind == "number":
        kind |= type_of(_integer(shape), True, _record)
    return (spec.attribute, kind) if spec.required else (spec.attribute, kind | UnsetType, UNSET)


def _integer(shape: Shape) -> Shape:
    """A number that is written as an integer stays one, as long as it has 64 bits at most."""
    least = -limits.INT64_MAX - 1 if shape.minimum is None else ceil(shape.minimum)
    most = limits.INT64_MAX if shape.maximum is None else floor(shape.maximum)
    return replace(shape, kind="integer", minimum=least, maximum=most)


@cache
def _record(model: Hashable) -> Any:
    assert isinstance(model, type)
    described = [_field(spec, False) for spec in fields(model)]
    return msgspec.defstruct(
        model.__name__, described, module=__name__, kw_only=True, rename="camel", gc=False, forbid_unknown_fields=True
    )


def _event(topic: Topic) -> Any:
    specs = [spec for spec in fields(topic.model) if spec.name not in _NOT_PLAIN]
    attributes = {spec.name: spec.attribute for spec in specs}
    return msgspec.defstruct(
        topic.event_type,
        [_field(spec, True) for spec in specs],
        bases=(PlainEvent,),
        namespace={"__topic__": topic, "__key__": tuple(attributes[name] for name in topic.key_fields)},
        module=__name__,
        tag_field="eventType",
        tag=topic.event_type,
        kw_only=True,
        rename="camel",
        gc=False,  # nothing that JSON holds can make a cycle
        forbid_unknown_fields=True,
    )


_ANY: Any = None
for _topic in TOPICS:
    _ANY = _event(_topic) if _ANY is None else _ANY | _event(_topic)
_decode = msgspec.json.Decoder(_ANY).decode
