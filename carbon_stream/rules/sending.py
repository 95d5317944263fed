"""One rule and one event: the event that is sent on. Pure; the same two give the same event, whoever applies them.

The new event's id is a UUID (version 5) of the rule's name and the first event's source and id, so that receivers who
know ids take one that comes twice for one. Its `causationId` is the first event's id, its `correlationId` the first
event's or else its id. `context.forwarded` says which rules it has passed, and how many: that is the limit at run time
for loops that no file shows, over a URL and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME
from carbon_stream.routing import cloudevent_headers
from carbon_stream.rules import paths
from carbon_stream.rules.graph import ENVELOPE
from carbon_stream.rules.model import Rule
from carbon_stream.streaming.forward import Forward

__all__ = ["HOPS_MAX", "Arrival", "Refused", "derived_id", "send"]

HOPS_MAX: Final = 4
"""Rules that an event may have passed, one after the other."""
RULE_HEADER: Final = "carbon-stream-rule"
_IDS: Final = UUID("0f1cb7a4-6c3b-5a55-8d8e-3c5f6f0f3b0d")
_CARRIED: Final = {"traceparent": 128, "tracestate": 512}
"""Headers that go with the event, and the most bytes of each; W3C asks that 512 of a tracestate be carried."""


class Refused(Exception):
    """The rule cannot send this event; `reason` is a word for machines: loop, hops, too-large, invalid.

    The message goes into logs, so nothing of the event is in it; `detail` may quote it, for whoever has the event.
    """

    def __init__(self, reason: str, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.reason, self.detail = reason, detail or message


class Arrival(NamedTuple):
    """An event where it stands. `at` is its time in ms, bounded by the broker's."""

    data: dict[str, Any]
    topic: str
    partition: int
    offset: int
    at: int
    headers: Sequence[tuple[str, bytes]] = ()


def derived_id(rule: str, arrival: Arrival) -> str:
    """The id of what a rule makes of an event; one without an id is known by where it stands."""
    event_id = arrival.data.get("eventId")
    if event_id is None:
        origin = f"{arrival.topic}/{arrival.partition}/{arrival.offset}"
    else:
        origin = f"{arrival.data.get('source')}/{event_id}"
    return str(uuid5(_IDS, f"{rule}/{origin}"))


def send(rule: Rule, arrival: Arrival, more: dict[str, Any] | None = None) -> Forward:
    """The record that the rule makes of the event; `more` is said in `context.forwarded` beside. Raises Refused."""
    data = _event(rule, arrival, more or {})
    if rule.topic in BY_NAME:
        _fits_its_topic(data, str(rule.topic))
    try:
        value = codec.encode(data)
    except codec.Invalid as error:
        raise _invalid("it cannot be written", error) from None
    if len(value) > limits.RECORD_BYTES:
        raise Refused("too-large", f"what it would send has {len(value):,} bytes, {limits.RECORD_BYTES:,} are allowed")
    headers = cloudevent_headers(data)
    headers += [(name, content) for name, content in arrival.headers if len(content or b"") <= _CARRIED.get(name, -1)]
    headers.append((RULE_HEADER, rule.name.encode()))
    return Forward(rule.target, _key(rule, data, arrival.data), value, tuple(headers), by=rule.name)


def _event(rule: Rule, arrival: Arrival, more: dict[str, Any]) -> dict[str, Any]:
    given = arrival.data
    passed = _passed(given)
    if rule.name in passed:
        raise Refused("loop", "the event has passed this rule already")
    if len(passed) >= HOPS_MAX:
        raise Refused("hops", f"the event has passed {HOPS_MAX} rules, no more are allowed")
    data = {name: value for name, value in given.items() if not rule.drops_all or name in ENVELOPE}
    for path in rule.drop:
        paths.drop(data, path)
    for name, template in rule.set.items():
        paths.put(data, paths.parts(name), paths.fill(template, given))
    event_id = given.get("eventId")
    data["eventId"] = derived_id(rule.name, arrival)
    data["causationId"] = event_id
    if data.get("correlationId") is None:
        data["correlationId"] = event_id
    if data.get("timestamp") is None:
        data["timestamp"] = arrival.at
    origin = {"topic": arrival.topic, "partition": arrival.partition, "offset": arrival.offset}
    forwarded = {"rules": [*passed, rule.name], "from": {**origin, "source": given.get("source")}, **more}
    context = given.get("context")
    data["context"] = {**(context if isinstance(context, dict) else {}), "forwarded": forwarded}
    return data


def _passed(data: dict[str, Any]) -> list[str]:
    rules = paths.get(data, ("context", "forwarded", "rules"))
    return [str(rule)[:64] for rule in rules[: HOPS_MAX + 1]] if isinstance(rules, list) else []


def _fits_its_topic(data: dict[str, Any], topic: str) -> None:
    wanted = BY_NAME[topic].event_type
    if data.get("eventType") != wanted:
        raise Refused("invalid", f"{topic} takes {wanted} only, and the event would be of another type")
    try:
        codec.accept(data)
    except codec.Invalid as error:
        raise _invalid(f"it would be no valid {wanted}", error) from None


def _invalid(what: str, error: codec.Invalid) -> Refused:
    places = ", ".join(f"{one.pointer or '/'} {one.type}" for one in error.errors)
    return Refused("invalid", f"{what}: {places}", f"{what}: {error}")


def _key(rule: Rule, data: dict[str, Any], given: dict[str, Any]) -> bytes:
    """The rule's key, else what the contract says, else the id: all of one entity stay in order."""
    key = paths.text(paths.fill(rule.key, given)) if rule.key is not None else None
    if not key:
        topic = BY_EVENT_TYPE.get(data["eventType"])
        key = (topic.key(data) if topic is not None else None) or data["eventId"]
    return key.encode()[: limits.NAME_CHARS * 4]
