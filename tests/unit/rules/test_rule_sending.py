"""What a rule makes of an event: identity, causation, fields, key, headers; and what it refuses to send."""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_NAME, TOPICS, Group
from carbon_stream.contracts.examples import valid
from carbon_stream.projections.rows import MemoryRows
from carbon_stream.rules.engine import Engine
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import Rule
from carbon_stream.rules.reading import read
from carbon_stream.rules.sending import HOPS_MAX, Arrival, Refused, send
from carbon_stream.streaming.entry import Entry

T = 1_764_000_000_000
EVENT = {
    "eventId": "e-1", "eventType": "DataIngestionEvent", "timestamp": T, "source": "spark", "version": "1.0.0",
    "datasetName": "prices", "recordCount": 5, "sizeBytes": 10, "format": "parquet", "location": "s3://x",
    "status": "SUCCESS", "metadata": {"a": 1, "b": {"c": 2}}, "extra": [1, {"x": "y"}],
}  # fmt: skip


def rule(text: str = "", to: str = "{topic: loads}") -> Rule:
    head = "topics: {loads: {}}\nrules:\n  - name: one\n    match: {exact: {eventType: DataIngestionEvent}}\n"
    return read(f"{head}    to: {to}\n{text}", Hosts([])).rules[-1]


def arrival(**changes: Any) -> Arrival:
    headers = [("traceparent", b"00-a-b-01"), ("tracestate", b"x=y"), ("secret", b"no"), ("tracestate", b"z" * 600)]
    return Arrival(EVENT | changes, "data-ingestion", 3, 17, T + 1, headers)


def made(one: Rule, **changes: Any) -> dict[str, Any]:
    return dict(orjson.loads(send(one, arrival(**changes)).value))


def test_the_new_event_has_an_id_of_its_own_and_says_where_it_comes_from() -> None:
    event = made(rule(), context={"requestId": "r", "claimed": 1})
    assert event["eventId"] == made(rule(), context=None)["eventId"] != EVENT["eventId"]
    assert (event["causationId"], event["correlationId"]) == ("e-1", "e-1")
    assert event["context"] == {
        "requestId": "r",
        "claimed": 1,
        "forwarded": {
            "rules": ["one"],
            "from": {"topic": "data-ingestion", "partition": 3, "offset": 17, "source": "spark"},
        },
    }
    assert {name: event[name] for name in EVENT if name != "eventId"} == {
        name: value for name, value in EVENT.items() if name != "eventId"
    }


def test_other_rules_and_other_events_give_other_ids() -> None:
    second = read(
        "topics: {loads: {}}\nrules: [{name: two, match: {prefix: {eventType: Data}}, to: {topic: loads}}]", Hosts([])
    ).rules[-1]
    ids = {made(rule())["eventId"], made(second)["eventId"], made(rule(), source="b")["eventId"]}
    ids |= {made(rule(), eventId="e-2")["eventId"], made(rule(), eventId=None)["eventId"]}
    assert len(ids) == 5


def test_fields_are_set_and_dropped_and_the_event_that_came_stays_as_it_was() -> None:
    before = orjson.dumps(EVENT)
    text = (
        "    drop: [metadata.a, extra, absent.deeper]\n"
        "    set: {metadata.b.d: '${recordCount}', note: '${datasetName}: ${recordCount} of $${x}${none|status}'}\n"
    )
    event = made(rule(text))
    assert event["metadata"] == {"b": {"c": 2, "d": 5}}
    assert event["note"] == "prices: 5 of ${x}SUCCESS"
    assert "extra" not in event
    assert orjson.dumps(EVENT) == before


def test_the_key_is_the_rules_or_the_contracts_or_the_id() -> None:
    assert send(rule(), arrival()).key == b"prices"
    assert send(rule("    key: '${source}/${extra.1.x}'\n"), arrival()).key == b"spark/y"
    assert send(rule("    key: '${none}'\n"), arrival()).key == b"prices"
    lonely = arrival(datasetName="")
    assert send(rule(), lonely).key.decode() == orjson.loads(send(rule(), lonely).value)["eventId"]


def test_headers_are_a_cloudevents_with_the_trace_and_the_rule_and_nothing_else() -> None:
    names = [name for name, _ in send(rule(), arrival()).headers]
    assert names == [
        "ce_id", "ce_type", "ce_source", "ce_specversion", "content-type", "ce_time", "traceparent", "tracestate",
        "carbon-stream-rule",
    ]  # fmt: skip


def test_what_goes_to_one_of_the_twelve_must_be_valid_there() -> None:
    one = rule("    set: {eventType: DataQualityEvent, checkType: x}\n", "{topic: data-quality}")
    with pytest.raises(Refused, match="it would be no valid DataQualityEvent: /checkName missing") as caught:
        send(one, arrival())
    assert caught.value.reason == "invalid"
    with pytest.raises(Refused, match="data-quality takes DataQualityEvent only"):
        send(rule("    set: {eventType: '${format}'}\n", "{topic: data-quality}"), arrival())


def test_an_event_comes_by_each_rule_once_and_by_so_many_in_all() -> None:
    def passed(*names: str) -> dict[str, Any]:
        return {"context": {"forwarded": {"rules": list(names)}}}

    with pytest.raises(Refused) as looped:
        send(rule(), arrival(**passed("one")))
    assert looped.value.reason == "loop"
    with pytest.raises(Refused) as hopped:
        send(rule(), arrival(**passed(*"abcd")))
    assert hopped.value.reason == "hops"
    event = made(rule(), **passed(*"abc"))
    assert event["context"]["forwarded"]["rules"] == ["a", "b", "c", "one"]
    assert HOPS_MAX == 4


def test_an_event_that_grows_too_large_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        send(rule("    set: {again: '${query}'}\n"), arrival(query="x" * 600_000))
    assert caught.value.reason == "too-large"


AUDITED = [one.event for topic in TOPICS if topic.group is Group.AUDIT for one in valid(topic.event_type)]


@pytest.mark.parametrize("example", AUDITED, ids=lambda event: event["eventType"])
def test_a_denied_action_of_any_audit_type_becomes_a_valid_security_event(example: dict[str, Any]) -> None:
    denied = dict(example) | {"result": "DENIED"} | ({"statusCode": 403} if "statusCode" in example else {})
    [one] = [one for one in read("", Hosts([])).rules if one.match.holds(denied)]
    topic = codec.accept(dict(denied)).name
    sent = send(one, Arrival(denied, topic, 0, 0, T))
    event = orjson.loads(sent.value)
    assert sent.topic == "security-events"
    assert codec.decoder("security-events")(sent.value).category == "authorization"
    assert event["principal"] == denied.get("userId")
    assert sent.key.decode() == BY_NAME["security-events"].key(event)
    assert "query" not in event
    assert "details" not in event


@dataclass
class Record:
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Seen:
    def __init__(self) -> None:
        self.failed: list[tuple[str, str]] = []

    def on_rule_failed(self, rule: str, reason: str) -> None:
        self.failed.append((rule, reason))

    def on_rules_loaded(self, rules: Any, ok: bool) -> None:
        pass


def test_a_topic_that_no_rule_looks_at_is_not_looked_at() -> None:
    engine = Engine(read("", Hosts([])), Seen())
    engine.route(None, "data-quality", [object()], [])  # type: ignore[arg-type,list-item] # would fail if touched


def test_what_nobody_may_see_is_taken_out_before_anything_is_sent() -> None:
    def hide(event: dict[str, Any]) -> None:
        event["apiKey"] = "hashed"

    text = """
topics: {copies: {}}
shipped: {denied-actions: {enabled: false}, repeated-failures: {enabled: false}}
rules: [{name: copy, match: {exact: {eventType: AuditAPICallEvent}}, to: {topic: copies}}]
"""
    seen = Seen()
    engine = Engine(read(text, Hosts([])), seen, hide)
    raw = orjson.dumps(valid("AuditAPICallEvent")[0].event | {"apiKey": "secret"})
    entry = Entry(codec.decoder("audit-api-calls")(raw), T, "audit-api-calls", 0, 7, T)
    rows = MemoryRows()
    engine.route(rows, "audit-api-calls", [entry], [Record(raw)])  # type: ignore[arg-type,list-item]
    [forward] = rows.forwards
    assert orjson.loads(forward.value)["apiKey"] == "hashed"
    assert b"secret" not in forward.value
    assert not seen.failed
