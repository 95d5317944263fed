"""One thing that the demo does: an event, or something that should have been one, sent one way."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """By POST /v1/events in a batch, by a request of its own, or straight to Kafka."""

    HTTP = "http"
    HTTP_ALONE = "http-alone"
    KAFKA = "kafka"


class Expected(StrEnum):
    """What should become of it: counted, recognised as a repeat, or refused (by HTTP) or dead-lettered (on Kafka)."""

    TAKEN = "taken"
    REPEAT = "repeat"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """What is sent. `key` is for Kafka alone; `told` is a line for whoever watches."""

    way: Way
    topic: str
    value: bytes | None
    key: bytes | None = None
    expected: Expected = Expected.TAKEN
    told: str | None = None
