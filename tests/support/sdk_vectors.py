"""The contract vectors, and the arguments that a library's method takes for their events."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from sdk.generator.vectors import expand

FOLDER = Path(__file__).parents[1] / "contract/vectors"
VECTORS: list[dict[str, Any]] = [
    {**vector, "name": f"{name}: {vector['name']}", "event": expand(vector["event"])}
    for name in BY_EVENT_TYPE
    for vector in json.loads((FOLDER / f"{name}.json").read_text())["vectors"]
]
REFUSED: list[dict[str, Any]] = [
    {**vector, "event": expand(vector["event"])}
    for vector in json.loads((FOLDER / "refused.json").read_text())["vectors"]
]
PARTITIONS: list[dict[str, Any]] = json.loads((FOLDER / "partitions.json").read_text())["vectors"]


def arguments(event: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of the event's method; its source is the producer's service."""
    names = {field.name: field.attribute for field in BY_EVENT_TYPE[event["eventType"]].fields}
    given = {names[name]: value for name, value in event.items() if name in names}
    given.pop("source", None)
    given.pop("event_type")
    extra = {name: value for name, value in event.items() if name not in names}
    return given | ({"extra": extra} if extra else {})


def agrees(expected: dict[str, Any], value: bytes) -> bool:
    """Whether a value has exactly the bytes that are expected."""
    size, digest = int(expected["valueBytes"]), str(expected["valueSha256"])
    return len(value) == size and hashlib.sha256(value).hexdigest() == digest


def means_the_same(vector: dict[str, Any], value: bytes) -> bool:
    """Whether a value is the vector's: byte for byte, but where a language has no text of its own for whole floats."""
    if not vector.get("integralFloats"):
        return agrees(vector["expected"], value)
    event = vector["event"]
    parsed: dict[str, Any] = json.loads(value)
    return parsed == in_order(event) and list(parsed) == list(in_order(event))


def headers_of(expected: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(name, base64.b64decode(text)) for name, text in expected["headers"]]


def in_order(event: dict[str, Any]) -> dict[str, Any]:
    """The event with the contract's fields in their order, null left out, then what is extra."""
    names = [field.name for field in BY_EVENT_TYPE[event["eventType"]].fields]
    ordered = {name: event[name] for name in names if event.get(name) is not None}
    return ordered | {name: value for name, value in event.items() if name not in names}


def method_line(vector: dict[str, Any]) -> dict[str, Any]:
    """A line for the Node.js library (tests/support/node.py): what the contract does not name in `extra`."""
    event = vector["event"]
    names = {field.name for field in BY_EVENT_TYPE[event["eventType"]].fields} - {"source"}
    own = {name: value for name, value in event.items() if name in names}
    extra = {name: value for name, value in event.items() if name not in names | {"source"}}
    return _frame(vector, own | ({"extra": extra} if extra else {}))


def custom_line(vector: dict[str, Any]) -> dict[str, Any]:
    """The same by the event's JSON names."""
    return {**_frame(vector, in_order(vector["event"])), "source": "another", "topic": vector["expected"]["topic"]}


def _frame(vector: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    given = vector["event"]
    found = {"event": event, "type": given["eventType"], "source": given["source"]}
    if "traceparent" in vector:
        found["traceparent"] = vector["traceparent"]
    return found | {"partitions": vector["expected"]["partitions"]}
