"""The matcher gives what a plain reading of the written rule gives, for any condition and any event."""

import math
from dataclasses import dataclass, replace
from typing import Any

import orjson
import yaml
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.match import UNKNOWN, simplified
from carbon_stream.rules.matching import Matching
from carbon_stream.rules.model import Rule
from carbon_stream.rules.reading import read
from carbon_stream.streaming.entry import Entry

NAMES = ["source", "status", "metadata.a", "metadata.b.c", "recordCount", "list.0", "/odd~1name/x.y", "type"]
texts = st.sampled_from(["", "a", "ab", "abc", "b", "SUCCESS", "5", "é\u0000"])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 2.0, -1.5, 1e300]), st.integers(-(2**53), 2**53))
scalars = st.one_of(st.none(), st.booleans(), texts, numbers)


def asked(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(NAMES), values, min_size=1, max_size=2)


leaves = st.fixed_dictionaries(
    {},
    optional={
        "exact": asked(scalars),
        "prefix": asked(texts),
        "suffix": asked(texts),
        **{name: asked(numbers) for name in ("gt", "gte", "lt", "lte")},
    },
).filter(bool)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one, leaf: {**leaf, "not": one}, inner, leaves),
    ),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {"eventType": st.sampled_from([topic.event_type for topic in TOPICS])},
    optional={
        "source": scalars,
        "status": scalars,
        "recordCount": scalars,
        "metadata": st.one_of(scalars, st.fixed_dictionaries({"a": scalars, "b": st.dictionaries(texts, scalars)})),
        "list": st.lists(scalars, max_size=2),
        "odd/name": st.one_of(scalars, st.fixed_dictionaries({"x.y": scalars})),
    },
)


def naive(written: dict[str, Any], event: Any) -> bool:
    """Straight from the words: every test of every operator must hold."""
    for operator, said in written.items():
        match operator:
            case "all":
                good = all(naive(one, event) for one in said)
            case "any":
                good = any(naive(one, event) for one in said)
            case "not":
                good = not naive(said, event)
            case _:
                good = all(naive_test(operator, look_up(event, name), value) for name, value in said.items())
        if not good:
            return False
    return True


def look_up(event: Any, name: str) -> Any:
    paths: dict[str, list[Any]] = {
        "source": ["source"], "status": ["status"], "metadata.a": ["metadata", "a"], "list.0": ["list", 0],
        "metadata.b.c": ["metadata", "b", "c"], "recordCount": ["recordCount"], "/odd~1name/x.y": ["odd/name", "x.y"],
        "type": ["eventType"],
    }  # fmt: skip
    steps = paths[name]
    for step in steps:
        try:
            event = event[step]
        except (KeyError, TypeError, IndexError):
            return None
        if isinstance(event, str) and step is not steps[-1]:
            return None
    return event


def naive_test(operator: str, found: Any, value: Any) -> bool:
    is_number = [isinstance(one, int | float) and not isinstance(one, bool) for one in (found, value)]
    if operator == "exact":
        if all(is_number):
            return math.isclose(found, value, rel_tol=0, abs_tol=0)
        return repr(found) == repr(value)
    if operator == "prefix":
        return isinstance(found, str) and found[: len(value)] == value
    if operator == "suffix":
        return isinstance(found, str) and (not value or found[-len(value) :] == value)
    if not all(is_number):
        return False
    return bool({"gt": found > value, "gte": found >= value, "lt": found < value, "lte": found <= value}[operator])


def rule_of(condition: dict[str, Any]) -> Rule:
    # anything of an audit type may match the second part, so that the rule is never one that matches nothing
    either = {"any": [condition, {"exact": {"source": "never"}}]}
    text = yaml.safe_dump({
        "topics": {"t": {}},
        "rules": [{"name": "one", "match": either, "to": {"topic": "t"}}],
    }, allow_unicode=True)  # fmt: skip
    return read(text, Hosts([])).rules[-1]


@given(conditions, events)
def test_any_condition_on_any_event(condition: dict[str, Any], event: dict[str, Any]) -> None:
    one = rule_of(condition)
    raw = orjson.dumps(event)
    expected = naive({"any": [condition, {"exact": {"source": "never"}}]}, event)
    assert one.match.holds(event) == expected
    left = simplified(one.match, {"eventType": event["eventType"]})
    assert (left if isinstance(left, bool) else left.holds(orjson.loads(raw))) == expected
    assert next(iter(one.match.explain(event))).holds == expected


@given(conditions, events, st.sets(st.sampled_from(["eventType", "source", "status", "recordCount", "metadata"])))
def test_what_is_known_of_an_event_never_contradicts_it(
    condition: dict[str, Any], event: dict[str, Any], known: set[str]
) -> None:
    one = rule_of(condition)
    judged = one.match.can_hold({name: event.get(name) for name in known})
    assert judged is None or judged == one.match.holds(event)
    assert one.match.can_hold(dict.fromkeys(one.match.roots(), UNKNOWN)) in (None, judged)


loads = st.builds(
    lambda optional: {
        "eventId": "e", "eventType": "DataIngestionEvent", "timestamp": 1_764_000_000_000, "datasetName": "d",
        "sizeBytes": 1, "format": "f", "location": "l", "status": "SUCCESS", "source": "a", "recordCount": 2,
        **optional,
    },
    st.fixed_dictionaries(
        {},
        optional={
            "source": texts.filter(bool),
            "status": st.sampled_from(["SUCCESS", "FAILURE"]),
            "recordCount": st.one_of(st.integers(0, 5), st.just(2.0)),
            "metadata": st.one_of(
                st.none(), st.fixed_dictionaries({"a": scalars, "b": st.dictionaries(texts, scalars)})
            ),
            "list": st.lists(scalars, max_size=2),
            "odd/name": st.fixed_dictionaries({"x.y": scalars}),
            "version": st.sampled_from([None, "1.0.0", "2"]),
        },
    ),
)  # fmt: skip


@dataclass
class Read:
    value: bytes


@given(st.lists(conditions, min_size=1, max_size=3), st.lists(loads, max_size=12))
def test_any_rules_on_any_batch_of_a_topic(asked_of: list[dict[str, Any]], batch: list[dict[str, Any]]) -> None:
    rules = [replace(rule_of(condition), name=f"r{place}") for place, condition in enumerate(asked_of)]
    decode = codec.decoder("data-ingestion")
    records = [Read(orjson.dumps(event)) for event in batch]
    entries = [Entry(decode(record.value), 0, "data-ingestion", 0, place, 0) for place, record in enumerate(records)]
    matching = Matching("data-ingestion", rules)
    for _ in range(2):  # the second time from what is remembered
        found = matching.of(entries, records)  # type: ignore[arg-type]
        expected = [
            (place, names)
            for place, event in enumerate(batch)
            if (names := [f"r{n}" for n, condition in enumerate(asked_of) if naive(condition, event)])
        ]
        assert [(place, [rule.name for rule in matched]) for place, matched in found] == expected
