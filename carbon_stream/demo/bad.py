"""Events that must be refused, each in a way that senders in the field have managed."""

import random
from collections.abc import Callable
from typing import Final

import orjson

from carbon_stream.demo.events import Event
from carbon_stream.demo.step import Expected, Step, Way

_API_CALLS: Final = "audit-api-calls"
_HEALTH: Final = "system-health"


def bad_post(rng: random.Random, valid: Event) -> Step:
    """A request that HTTP answers with a reason. `valid` is an API call, which is spoilt here."""
    spoil = rng.choice(_SPOILS)
    spoilt = {**valid}
    spoil(spoilt)
    return Step(Way.HTTP, _API_CALLS, orjson.dumps(spoilt), expected=Expected.REFUSED)


def bad_record(rng: random.Random, valid: Event) -> Step:
    """A record that no producer of ours would write: it ends as a dead letter, with its bytes."""
    whole = orjson.dumps(valid)
    topic, value = rng.choice(
        (
            (_API_CALLS, whole[: len(whole) // 2]),  # cut off
            (_API_CALLS, b"\xff\xfe" + whole),  # not UTF-8
            (_API_CALLS, None),  # a tombstone, where compaction has no meaning
            (_API_CALLS, b"[" + whole + b"]"),
            (_API_CALLS, b'"just text"'),
            (_API_CALLS, orjson.dumps({**valid, "statusCode": "two hundred"})),
            (_API_CALLS, orjson.dumps({**valid, "eventType": "PageViewEvent"})),
            (_API_CALLS, orjson.dumps({**valid, "timestamp": valid["timestamp"] // 1_000})),
            (_HEALTH, whole),  # another type's topic
        )
    )
    return Step(Way.KAFKA, topic, value, key=str(valid["service"]).encode(), expected=Expected.REFUSED)


def _text_for_number(event: Event) -> None:
    event["latencyMs"] = "fast"


def _unknown_type(event: Event) -> None:
    event["eventType"] = "AuditApiCall"


def _missing(event: Event) -> None:
    del event["service"], event["endpoint"]


def _seconds(event: Event) -> None:
    event["timestamp"] //= 1_000


def _no_such_status(event: Event) -> None:
    event["statusCode"] = 42


def _boolean_for_number(event: Event) -> None:
    event["requestSizeBytes"] = True


_SPOILS: Final[tuple[Callable[[Event], None], ...]] = (
    _text_for_number,
    _unknown_type,
    _missing,
    _seconds,
    _no_such_status,
    _boolean_for_number,
)
