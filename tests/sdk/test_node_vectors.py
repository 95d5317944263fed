"""Each vector through the Node.js library: the bytes, the key, the headers and the partition that the service gives."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carbon_stream.contracts import codec
from carbon_stream_producer import InvalidEvent
from carbon_stream_producer.encoding import encode
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from carbon_stream_producer.validation import check
from tests.support.node import built, judge, lines
from tests.support.sdk_vectors import PARTITIONS, REFUSED, VECTORS, custom_line, headers_of, means_the_same, method_line


@pytest.fixture(scope="module")
def library() -> Path:
    return built()


def compare(vector: dict[str, Any], answer: dict[str, Any]) -> None:
    expected, name = vector["expected"], vector["name"]
    assert "value" in answer, (name, answer)
    assert answer["topic"] == expected["topic"], name
    key = None if answer["key"] is None else base64.b64decode(answer["key"]).decode()
    assert key == expected["key"], name
    value = base64.b64decode(answer["value"])
    assert means_the_same(vector, value), (name, value[:2_000])
    assert [(header, base64.b64decode(text)) for header, text in answer["headers"]] == headers_of(expected), name
    assert answer["partition"] == expected["partition"], name
    codec.decoder(expected["topic"])(value)


def test_the_method_of_its_type_makes_the_services_record(library: Path) -> None:
    answers = lines(library, "record", [method_line(vector) for vector in VECTORS])
    for vector, answer in zip(VECTORS, answers, strict=True):
        compare(vector, answer)


def test_an_event_by_its_json_names_makes_the_same_record(library: Path) -> None:
    answers = lines(library, "record", [custom_line(vector) for vector in VECTORS])
    for vector, answer in zip(VECTORS, answers, strict=True):
        compare(vector, answer)


def test_what_the_service_refuses_is_refused_with_the_same_pointers(library: Path) -> None:
    given = [{"event": vector["event"], "type": vector["event"]["eventType"], "source": "svc"} for vector in REFUSED]
    for vector, answer in zip(REFUSED, lines(library, "judge", given), strict=True):
        assert "refused" in answer, (vector["name"], answer)
        found = [(error["pointer"], error["type"]) for error in answer["refused"]]
        assert sorted(found) == sorted((error["pointer"], error["type"]) for error in vector["errors"]), vector["name"]
        for error in answer["refused"]:
            assert error["message"]
            assert error["pointer"].count("/") != 1 or error["field"] == error["pointer"].removeprefix("/")


def test_keys_go_where_the_service_puts_them(library: Path) -> None:
    pairs = [(vector["key"], int(n), where) for vector in PARTITIONS for n, where in vector["partition"].items()]
    event = {"category": "x", "severity": "LOW"}
    given = [
        {"event": event | {"principal": key}, "type": "SecurityEvent", "source": "svc", "partitions": partitions}
        for key, partitions, _ in pairs
    ]
    found = [answer["partition"] for answer in lines(library, "record", given)]
    assert found == [where for _, _, where in pairs]


_CHARACTERS = st.characters(codec="utf-8")
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) - 2, 2**64 + 2)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | st.text(_CHARACTERS, max_size=20)
)
# JavaScript puts names that are whole numbers before the others, whatever order they were given in.
_NAMES = st.text(_CHARACTERS, max_size=8).filter(lambda name: not name.isdecimal())
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


def told_by_python(event: dict[str, Any]) -> dict[str, Any]:
    kind = BY_EVENT_TYPE[event["eventType"]]
    try:
        check(kind, event)
        return {"json": encode(kind.name, event).decode()}
    except InvalidEvent as refused:
        return {"refused": {(error.pointer, error.type) for error in refused.errors}}


def test_any_value_is_the_same_text_or_the_same_refusal_in_both_languages(library: Path) -> None:
    base = {"eventId": "e", "eventType": "ConfigChangeEvent", "timestamp": 10**12, "source": "svc", "component": "c"}
    with judge(library) as ask:

        @settings(max_examples=150, deadline=None)
        @given(value=_VALUES)
        @example(9.9e-6)
        @example(1e-5)
        @example(1.234e-5)
        @example(-1.5e-300)
        def same(value: Any) -> None:
            events = [{**base, "key": "k", field: value} for field in ("key", "newValue", "extra")]
            asked = [{"event": event, "type": "ConfigChangeEvent", "source": "svc"} for event in events]
            for event, answer in zip(events, ask(asked), strict=True):
                errors = {(error["pointer"], error["type"]) for error in answer.get("refused", ())}
                assert ({"refused": errors} if errors else answer) == told_by_python(event)

        same()
