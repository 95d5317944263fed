"""Checks an event against the contract of its type, and says what is wrong in words that its sender can act on."""

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, Topic
from carbon_stream.contracts.envelope import Event
from carbon_stream.contracts.invalid import INVALID, UNKNOWN_TYPE, FieldError, Invalid
from carbon_stream.contracts.json_text import describe, pointer

_WANTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "dict_type": "an object",
    "list_type": "an array",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def validate(data: dict[str, Any]) -> tuple[Topic, Event]:
    """The topic and the model of an event, or Invalid with every error (up to `limits.ERRORS`)."""
    event_type = data.get("eventType")
    topic = BY_EVENT_TYPE.get(event_type) if isinstance(event_type, str) else None
    if topic is None:
        raise Invalid(UNKNOWN_TYPE, (_unknown_type(data), *_envelope_errors(data))[: limits.ERRORS])
    try:
        return topic, topic.model.model_validate(data)
    except ValidationError as error:
        raise Invalid(INVALID, field_errors(error)) from None


def _unknown_type(data: dict[str, Any]) -> FieldError:
    if "eventType" not in data:
        return FieldError("/eventType", "missing", "is required")
    value = data["eventType"]
    if not isinstance(value, str):
        return FieldError("/eventType", "type", f"must be a string, not {describe(value)}")
    near = get_close_matches(value[:100], BY_EVENT_TYPE, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the types are {', '.join(BY_EVENT_TYPE)}"
    return FieldError("/eventType", UNKNOWN_TYPE, f"{_quote(value)} is no type of event; {hint}")


def _envelope_errors(data: dict[str, Any]) -> tuple[FieldError, ...]:
    """What is wrong with the envelope, whatever the type: an unknown type should not hide it."""
    try:
        Event.model_validate({**data, "eventType": ""})
    except ValidationError as error:
        return field_errors(error)
    return ()


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """What pydantic has found, with pointers and in our words (up to `limits.ERRORS`)."""
    details = error.errors(include_url=False)
    return tuple(_field_error(detail) for detail in details[: limits.ERRORS])


def _field_error(detail: ErrorDetails) -> FieldError:
    kind, message = _explain(detail)
    return FieldError(pointer(detail["loc"]), kind, message[: limits.ERROR_CHARS])


def _explain(detail: ErrorDetails) -> tuple[str, str]:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _WANTED:
        found = _quote(value) if isinstance(value, float) else describe(value)
        return "type", f"must be {_WANTED[kind]}, not {found}"
    match kind:
        case "missing":
            return "missing", "is required"
        case "literal_error":
            allowed = context["expected"].replace("'", "").replace(" or ", ", ")
            return "enum", f"must be one of {allowed}; not {_quote(value)}"
        case "greater_than_equal" if detail["loc"] == ("timestamp",):
            hint = "this looks like seconds" if value > 0 else "leave it out where it is not known"
            return "timestamp", f"must be milliseconds since the epoch, not {_quote(value)}; {hint}"
        case "greater_than_equal":
            return "range", f"must be at least {context['ge']:g}, not {_quote(value)}"
        case "less_than_equal":
            return "range", f"must be at most {context['le']:,}, not {_quote(value)}"
        case "finite_number":
            return "range", "must be a finite number"
        case "string_too_short":
            return "empty", "must not be empty"
        case "string_too_long":
            return "too-long", f"must have at most {context['max_length']:,} characters, not {len(value):,}"
        case "too_long":
            return "too-long", f"must have at most {context['max_length']:,} entries, not {len(value):,}"
    return kind.replace("_", "-"), detail["msg"]


def _quote(value: object) -> str:
    """A value in a message: short, and printable."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, int) and abs(value) > limits.UINT64_MAX:
        return "an integer beyond 64 bits"  # too long a one cannot even be written
    return repr(value) if isinstance(value, int | float) else describe(value)
