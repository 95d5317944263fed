"""What is wrong with an event, precisely enough for its sender to mend it."""

from dataclasses import dataclass
from typing import Final

EMPTY: Final = "empty"
NOT_UTF8: Final = "not-utf8"
NOT_JSON: Final = "not-json"
NOT_AN_OBJECT: Final = "not-an-object"
TOO_LARGE: Final = "too-large"
TOO_DEEP: Final = "too-deep"
UNKNOWN_TYPE: Final = "unknown-type"
WRONG_TOPIC: Final = "wrong-topic"
INVALID: Final = "invalid"

REASONS: Final = (
    EMPTY,
    NOT_UTF8,
    NOT_JSON,
    NOT_AN_OBJECT,
    TOO_LARGE,
    TOO_DEEP,
    UNKNOWN_TYPE,
    WRONG_TOPIC,
    INVALID,
)
"""Why an event is refused; the label values of metrics and of dead letters."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong. `pointer` is an RFC 6901 pointer into the event ("" is the event as a whole)."""

    pointer: str
    type: str
    message: str


class Invalid(ValueError):
    """An event that is not accepted; trying again as it is makes no sense.

    `reason` is one of REASONS; `errors` has at least one entry, and at most `limits.ERRORS`.
    """

    def __init__(self, reason: str, errors: tuple[FieldError, ...]) -> None:
        assert reason in REASONS
        assert errors
        super().__init__(reason, errors)
        self.reason = reason
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(
            f"{error.pointer}: {error.message}" if error.pointer else error.message for error in self.errors
        )


class Refused(Invalid):
    """An event that its format refuses, with the id that it came with."""

    def __init__(self, reason: str, errors: tuple[FieldError, ...], event_id: str | None) -> None:
        super().__init__(reason, errors)
        self.event_id = event_id


def whole(reason: str, message: str) -> Invalid:
    """An Invalid about the event as a whole."""
    return Invalid(reason, (FieldError("", reason, message),))
