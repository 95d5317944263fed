"""The documentation page of the events, in Markdown, made from the catalog."""

import json
from collections.abc import Iterator

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.contracts.envelope import Contract, Event
from carbon_stream.contracts.examples import example
from carbon_stream.contracts.fields import FieldSpec, Shape, fields

_DAY_MS = 86_400_000
_INTRODUCTION = f"""\
# Events

Made from the catalog by `carbon-stream contracts export`; do not edit.

An event is one flat JSON object in UTF-8: the fields of the envelope and those of its type side by side, in
camelCase. Each type has one topic of its own. An event may carry more fields than its type names; they are kept.
`null` is the same as absent for a field that is not required.

- An event has at most {limits.EVENT_BYTES:,} bytes, and its objects and arrays nest at most {limits.NESTING} deep.
- Numbers are never strings, and strings never numbers. An integer may be written as `200.0`. NaN, infinity and
  integers beyond 64 bits are refused. Of a field that is there twice the last one counts.
- Identity is `source` and `eventId` together: a repeat is the same event.
- A record's key is its entity, by the first of the fields named below that holds a non-empty string; records without
  such a field have no key. Producers place records with the murmur2 partitioner.
- Every topic has the cleanup policy `delete` and the broker's append time as its records' timestamps; the time of the
  event is its own field.

| topic | group | type | key | partitions | retention |
|---|---|---|---|---|---|
"""


def events_page() -> str:
    """The page: the envelope, then each topic with its type, fields and an example."""
    return "\n".join((_INTRODUCTION + "\n".join(map(_row, TOPICS)), *_envelope(), *map(_section, TOPICS)))


def _row(topic: Topic) -> str:
    link = f"[{topic.event_type}](#{topic.event_type.lower()})"
    key = ", else ".join(f"`{name}`" for name in topic.key_fields)
    return f"| {topic.name} | {topic.group} | {link} | {key} | {topic.partitions} | {topic.retention_ms // _DAY_MS} d |"


def _envelope() -> Iterator[str]:
    yield "\n## The envelope\n"
    yield "By HTTP a missing `eventId`, `timestamp`, `version` or `correlationId` is filled in.\n"
    yield _table(Event)


def _section(topic: Topic) -> str:
    envelope = {spec.name: spec for spec in fields(Event)}
    own = [spec for spec in fields(topic.model) if envelope.get(spec.name) != spec]
    key = ", else ".join(f"`{name}`" for name in topic.key_fields)
    kept = f"{topic.partitions} partitions, kept for {topic.retention_ms // _DAY_MS} days"
    parts = [
        f"\n## {topic.event_type}\n",
        f"{topic.description}\n",
        f"Topic `{topic.name}`, group {topic.group}, {kept}. Its entity, and so its key, is {topic.entity} ({key}).\n",
        _table(topic.model, own),
    ]
    for spec in own:
        if spec.shape.items is not None and spec.shape.items.record is not None:
            parts += [f"\nEach of `{spec.name}`:\n", _table(spec.shape.items.record)]
    parts.append(f"\n```json\n{json.dumps(example(topic.event_type), indent=2, ensure_ascii=False)}\n```")
    return "\n".join(parts)


def _table(model: type[Contract], specs: list[FieldSpec] | None = None) -> str:
    rows = (
        f"| {spec.name} | {_type(spec.shape)} | {_presence(spec)} | {spec.description} |"
        for spec in (fields(model) if specs is None else specs)
    )
    return "\n".join(("| field | type | required | meaning |", "|---|---|---|---|", *rows))


def _presence(spec: FieldSpec) -> str:
    if spec.required:
        return "yes"
    return f"no, `{json.dumps(spec.default)}`" if spec.default is not None else "no"


def _type(shape: Shape) -> str:
    if shape.enum:
        return ", ".join(f"`{value}`" for value in shape.enum)
    match shape.kind:
        case "any":
            return "any JSON value"
        case "record":
            return "object"
        case "object":
            return f"object, at most {shape.max_length:,} entries"
        case "array":
            assert shape.items is not None
            return f"array of {_type(shape.items)}, at most {shape.max_length:,} entries"
        case "string":
            return f"string, {'1 to' if shape.min_length else 'at most'} {shape.max_length:,} characters"
    return f"{shape.kind}, {_bound(shape.minimum)} to {_bound(shape.maximum)}"


def _bound(bound: float | None) -> str:
    assert bound is not None  # every number of a contract has both bounds
    return "2^63 - 1" if bound == limits.INT64_MAX else f"{bound:,.15g}"
