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


def headers_of(expected: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(name, base64.b64decode(text)) for name, text in expected["headers"]]
