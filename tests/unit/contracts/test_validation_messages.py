"""What a sender is told about an event that is refused."""

from typing import Any

import pytest

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.contracts.examples import example


def errors(event_type: str, **changes: Any) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as caught:
        codec.validate({**example(event_type), **changes})
    return caught.value.errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statusCode": 600}, "must be at most 599, not 600"),
        ({"statusCode": 200.5}, "must be an integer, not 200.5"),
        ({"statusCode": "200"}, "must be an integer, not a string"),
        ({"statusCode": True}, "must be an integer, not a boolean"),
        ({"latencyMs": -0.5}, "must be at least 0, not -0.5"),
        ({"latencyMs": float("nan")}, "must be a finite number"),
        ({"latencyMs": float("inf")}, "must be a finite number"),
        ({"service": ""}, "must not be empty"),
        ({"service": None}, "must be a string, not null"),
        ({"service": ["a"]}, "must be a string, not an array"),
        ({"service": "s" * 1025}, "must have at most 1,024 characters, not 1,025"),
        ({"timestamp": 1764000000}, "must be milliseconds since the epoch, not 1764000000; this looks like seconds"),
        ({"timestamp": 0}, "must be milliseconds since the epoch, not 0; leave it out where it is not known"),
    ],
)
def test_message_names_what_is_wanted_and_what_was_found(changes: dict[str, Any], message: str) -> None:
    assert [error.message for error in errors("AuditAPICallEvent", **changes)] == [message]
    assert errors("AuditAPICallEvent", **changes)[0].pointer == "/" + next(iter(changes))


def test_integer_too_long_to_be_written() -> None:
    (error,) = errors("AuditAPICallEvent", requestSizeBytes=10**5000)
    assert error.message == "must be at most 9,223,372,036,854,775,807, not an integer beyond 64 bits"


def test_enumerated_values_are_listed() -> None:
    (error,) = errors("ServiceHealthEvent", healthStatus="UP")
    assert error == FieldError(
        "/healthStatus", "enum", "must be one of HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN; not 'UP'"
    )


def test_long_values_are_cut_in_messages() -> None:
    (error,) = errors("ServiceHealthEvent", healthStatus="U" * 1_000_000)
    assert len(error.message) < 150


def test_map_with_too_many_entries() -> None:
    many = {str(number): number for number in range(limits.MAP_ENTRIES + 1)}
    (error,) = errors("AuditUserActionEvent", details=many)
    assert error == FieldError("/details", "too-long", "must have at most 1,024 entries, not 1,025")


def test_unknown_type_names_its_neighbours() -> None:
    (error,) = errors("AuditAPICallEvent", eventType="AuditApiCall")
    assert error.pointer == "/eventType"
    assert error.message == "'AuditApiCall' is no type of event; did you mean AuditAPICallEvent?"


def test_type_without_neighbours_gets_the_list() -> None:
    (error,) = errors("AuditAPICallEvent", eventType="zzz")
    assert "DataIngestionEvent, DataQualityEvent" in error.message


def test_unknown_type_does_not_hide_the_envelope() -> None:
    found = errors("AuditAPICallEvent", eventType="zzz", source=5, timestamp=5)
    assert [error.pointer for error in found] == ["/eventType", "/timestamp", "/source"]


@pytest.mark.parametrize("value", [None, 5, ["AuditAPICallEvent"], {"a": 1}])
def test_type_that_is_no_string(value: Any) -> None:
    (error,) = errors("AuditAPICallEvent", eventType=value)
    assert (error.pointer, error.type) == ("/eventType", "type")


def test_errors_are_bounded_in_number() -> None:
    found = errors("DataLineageEvent", columns=[{}] * 500)
    assert len(found) == limits.ERRORS
    assert found[0] == FieldError("/columns/0/sourceColumn", "missing", "is required")


def test_invalid_reads_as_one_line() -> None:
    with pytest.raises(Invalid) as caught:
        codec.validate({"eventType": "SecurityEvent", "source": "kong", "severity": "LOW"})
    assert str(caught.value) == "/category: is required"
    assert caught.value.reason == "invalid"


def test_fields_keep_their_order_in_errors() -> None:
    found = errors("AuditAPICallEvent", ipAddress=1, service=1, eventId=1)
    assert [error.pointer for error in found] == ["/eventId", "/service", "/ipAddress"]
