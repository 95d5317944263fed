"""What senders send, in each format, drawn from a generator: good events whose ids nobody else has. Pure."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.exports import example

Json = Any
EVENTS: Final = "/v1/events"
KONG: Final = "/v1/sources/kong"
LINEAGE: Final = "/api/v1/lineage"
REPLAY: Final = "/v1/dead-letters/replay"
SOURCE: Final = "fuzz"
NOW_MS: Final = int(time.time() * 1000)
"""One moment for all of a run, so that what is sent again is the same."""


@dataclass(slots=True)
class Sent:
    """One request before anything is done to it: what it means, and how it says so."""

    kind: str
    path: str
    media_type: str
    value: Json
    lines: bool = False
    """Whether `value` is a list that is written a line each."""
    headers: list[tuple[str, str]] = field(default_factory=list)


def native_event(dice: random.Random, name: str) -> dict[str, Any]:
    """A good event of any type, of now."""
    event_type = dice.choice(sorted(BY_EVENT_TYPE))
    event: dict[str, Any] = {**example(event_type), "eventId": name, "source": SOURCE}
    event["timestamp"] = NOW_MS
    more = (("context", {"claimed": True}), ("more", dice.random()), ("correlationId", name))
    return event | {optional: value for optional, value in more if dice.random() < 0.2}


def cloud_event(dice: random.Random, name: str) -> dict[str, Any]:
    """A good CloudEvent in its JSON format."""
    event = native_event(dice, name)
    data = {key: value for key, value in event.items() if key not in ("eventId", "source", "eventType", "timestamp")}
    prefix = dice.choice(["", "com.example."])
    made = {"specversion": "1.0", "id": name, "source": SOURCE, "type": prefix + event["eventType"], "data": data}
    more = (("subject", "s"), ("ext", "x"), ("traceparent", f"00-{'ab' * 16}-{'cd' * 8}-01"))
    return made | {optional: value for optional, value in more if dice.random() < 0.3}


def lineage_event(dice: random.Random, name: str) -> dict[str, Any]:
    """A good RunEvent, JobEvent or DatasetEvent."""
    base = {"eventTime": "2026-11-24T04:30:00Z", "producer": "https://example.com/fuzz", "schemaURL": _LINEAGE_SCHEMA}
    dataset = {"namespace": "s3://fuzz", "name": name}
    if (kind := dice.randrange(4)) == 0:
        return {**base, "dataset": dataset}
    made = {**base, "job": {"namespace": "fuzz", "name": name}, "inputs": [dataset]}
    made["outputs"] = [{"namespace": "s3://fuzz", "name": f"{name}-{n}"} for n in range(dice.randrange(4))]
    if kind == 1:
        return made
    run = {"runId": str(UUID(int=dice.getrandbits(128), version=4))}
    return {**made, "eventType": dice.choice(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT"]), "run": run}


_LINEAGE_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def kong_entry(dice: random.Random, name: str) -> dict[str, Any]:
    """A good entry of Kong's http-log."""
    return {
        "service": {"name": "trino"},
        "request": {"id": name, "method": "GET", "uri": "/api/q?token=secret", "size": 412, "headers": {"a": "b"}},
        "response": {"status": dice.choice([200, 403, 500]), "size": 9_982},
        "latencies": {"request": 176, "kong": 1, "proxy": 170},
        "client_ip": "203.0.113.9",
        "started_at": NOW_MS,
        "consumer": {"username": "ana"},
    }


def several(dice: random.Random, make: Callable[[random.Random, str], Json], name: str) -> list[Json]:
    return [make(dice, f"{name}-{place}") for place in range(dice.choice([0, 1, 1, 2, 3, 7, 30]))]


def binary_cloud_event(dice: random.Random, name: str) -> Sent:
    event = cloud_event(dice, name)
    headers = [(f"ce-{key}", str(value)) for key, value in event.items() if key != "data"]
    return Sent("binary", EVENTS, "application/json", event["data"], headers=headers)


def replay_request(dice: random.Random, name: str) -> Json:
    del name
    limit = dice.choice([1, 5, 100, 0, -1, 1.5])
    return dice.choice([{"ids": ["0-0", "3-7"]}, {"reason": "schema", "limit": limit}, {"originTopic": "alerts"}])


def _one(kind: str, path: str, media_type: str, make: Callable[[random.Random, str], Json]) -> Make:
    return lambda dice, name: Sent(kind, path, media_type, make(dice, name))


def _many(kind: str, path: str, media_type: str, make: Callable[[random.Random, str], Json], **how: Any) -> Make:
    return lambda dice, name: Sent(kind, path, media_type, several(dice, make, name), **how)


Make = Callable[[random.Random, str], Sent]
KINDS: Final[dict[str, Make]] = {
    "one": _one("one", EVENTS, "application/json", native_event),
    "array": _many("array", EVENTS, "application/json", native_event),
    "lines": _many("lines", EVENTS, "application/x-ndjson", native_event, lines=True),
    "binary": binary_cloud_event,
    "structured": _one("structured", EVENTS, "application/cloudevents+json", cloud_event),
    "batch": _many("batch", EVENTS, "application/cloudevents-batch+json", cloud_event),
    "lineage": _one("lineage", LINEAGE, "application/json", lineage_event),
    "lineage batch": _many("lineage batch", f"{LINEAGE}/batch", "application/json", lineage_event),
    "kong": _one("kong", KONG, "application/json", kong_entry),
    "kong array": _many("kong array", KONG, "application/json", kong_entry),
    "kong lines": _many("kong lines", KONG, "application/x-ndjson", kong_entry, lines=True),
    "replay": _one("replay", REPLAY, "application/json", replay_request),
}
