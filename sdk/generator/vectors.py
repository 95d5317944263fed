"""Contract vectors: events as callers give them, and the records that the service itself would make of them.

JSON that a library in any language can be held to. A value `{"$repeat": text, "times": n}` stands for a long string.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from carbon_stream import routing
from carbon_stream.contracts import codec, examples, limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, TOPICS
from carbon_stream.contracts.fields import fields
from carbon_stream.contracts.invalid import Invalid

FOLDER = "tests/contract/vectors"
_ENVELOPE = {
    "eventId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "timestamp": 1764000013007,
    "correlationId": "load-2025-11-24",
    "version": "1.0.0",
}
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_TEXT_SHOWN = 4_000
_KEYS = (
    "trino",
    "prices",
    "a",
    "ab",
    "abc",
    "abcd",
    "озеро.цены",
    "電力/価格",
    "🔋",
    "x" * 1_024,
    "lake.prices.hourly",
)


def rendered() -> dict[str, str]:
    """The text of each file of vectors by its path."""
    texts = {
        f"{FOLDER}/{topic.event_type}.json": {
            "eventType": topic.event_type,
            "vectors": list(_vectors(topic.event_type)),
        }
        for topic in TOPICS
    }
    texts[f"{FOLDER}/refused.json"] = {"vectors": list(_refused())}
    texts[f"{FOLDER}/partitions.json"] = {"vectors": [_partitions(key) for key in _KEYS]}
    return {name: json.dumps(document, indent=1) + "\n" for name, document in texts.items()}


def expand(value: Any) -> Any:
    """The value with its long strings written out."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text: str = value["$repeat"]
            return text * int(value["times"])
        return {name: expand(child) for name, child in value.items()}
    return [expand(child) for child in value] if isinstance(value, list) else value


def canonical(event: Mapping[str, Any]) -> dict[str, Any]:
    """As the libraries' methods write it: the contract's fields in its order, null left out, then what is extra."""
    names = [spec.name for spec in fields(BY_EVENT_TYPE[event["eventType"]].model)]
    ordered = {name: event[name] for name in names if event.get(name) is not None}
    return ordered | {name: value for name, value in event.items() if name not in names}


def _vectors(event_type: str) -> Iterator[dict[str, Any]]:
    for case in examples.valid(event_type):
        if "context" not in case.event:  # which is ingest's, not a producer's
            yield _vector(case.name, case.event)
    full = examples.example(event_type)
    yield _vector("with a trace", full, _TRACE)
    yield _vector("source of any characters", {**full, "source": "портал №7 / <test> 100%"})
    yield _vector("beyond the year 9999", {**full, "timestamp": limits.INT64_MAX})
    yield _vector("big integers", {**full, "extra": {"most": limits.UINT64_MAX, "least": -limits.INT64_MAX - 1}})
    yield _vector("floats", {**full, "extra": [0.1, 1e-7, 5e-324, 1.7976931348623157e308, -2.5, 1 / 3, 123456789.125]})
    yield _vector("longest id", {**full, "eventId": {"$repeat": "é", "times": limits.EVENT_ID_CHARS}})
    key = BY_EVENT_TYPE[event_type].key_fields[0]
    yield _vector("longest key", {**full, key: {"$repeat": "🔋", "times": limits.NAME_CHARS}})
    yield _vector("longest event", _padded(full))
    if event_type == "SecurityEvent":
        yield _vector("empty principal, so the address is the key", {**full, "principal": ""})


def _padded(event: dict[str, Any]) -> dict[str, Any]:
    """An event of exactly as many bytes as one may have."""
    whole = {**event, **{name: value for name, value in _ENVELOPE.items() if event.get(name) is None}}
    used = len(codec.encode(canonical({**whole, "pad": ""})))
    return {**event, "pad": {"$repeat": "x", "times": limits.EVENT_BYTES - used}}


def _vector(name: str, event: dict[str, Any], traceparent: str | None = None) -> dict[str, Any]:
    filled = {
        field: value
        for field, value in _ENVELOPE.items()
        if event.get(field) is None and not (field == "version" and event["eventType"] == "DeploymentEvent")
    }
    given = {**event, **filled}
    written = canonical(expand(given))
    topic, _ = codec.validate(written)
    value = codec.encode(written)
    record = routing.record_of(topic, written, value, 0, traceparent.encode() if traceparent else None)
    shown: dict[str, Any] = {"valueBytes": len(value), "valueSha256": hashlib.sha256(value).hexdigest()}
    if len(value) <= _TEXT_SHOWN:
        shown["value"] = value.decode()
    return {
        "name": name,
        "event": given,
        **({"traceparent": traceparent} if traceparent else {}),
        # Languages with one kind of number write 2.0 as 2, which is as valid, but not the same bytes.
        **({"integralFloats": True} if _integral_floats(given) else {}),
        "expected": {
            "topic": topic.name,
            "key": None if record.key is None else record.key.decode(),
            **shown,
            "headers": [[header, base64.b64encode(text).decode()] for header, text in record.headers],
            "partitions": topic.partitions,
            "partition": routing.partition_of(record.spread, topic.partitions),
        },
    }


def _integral_floats(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_integral_floats, value.values()))
    if isinstance(value, list):
        return any(map(_integral_floats, value))
    return isinstance(value, float) and value.is_integer()


def _refused() -> Iterator[dict[str, Any]]:
    for topic in TOPICS:
        for case in examples.invalid(topic.event_type):
            yield _refusal(case.name, case.event, case.errors)
    full = examples.example("DataIngestionEvent")
    deep: Any = 1
    for _ in range(limits.NESTING):
        deep = [deep]
    edges = {
        "one byte too many": {**(long := _padded(full)), "pad": {**long["pad"], "times": long["pad"]["times"] + 1}},
        "an integer beyond 64 bits": {**full, "metadata": {"a/b": [1, 2**64]}},
        "a negative integer beyond 64 bits": {**full, "extra": -(2**63) - 1},
        "nested too deep": {**full, "extra": deep},
    }
    for name, event in edges.items():
        whole = {**event, **{field: value for field, value in _ENVELOPE.items() if event.get(field) is None}}
        try:
            codec.parse(json.dumps(expand(whole), ensure_ascii=False, separators=(",", ":")).encode())
        except Invalid as error:
            yield _refusal(name, whole, tuple((found.pointer, found.type) for found in error.errors))
        else:
            raise AssertionError(f"{name}: the service takes it")


def _refusal(name: str, event: dict[str, Any], errors: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    told = [{"pointer": pointer, "type": kind} for pointer, kind in errors]
    return {"name": f"{event['eventType']}: {name}", "event": event, "errors": told}


def _partitions(key: str) -> dict[str, Any]:
    return {"key": key, "partition": {str(n): routing.partition_of(key.encode(), n) for n in (1, 6, 12, 48, 1_000)}}
