"""What ingest tells whoever counts: a hook, so that no logic knows of metrics."""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["IngestObserver", "Unobserved"]


class IngestObserver(Protocol):
    """Called once a request, never once an event."""

    def answered(self, path: str, accepted: Mapping[str, int], rejected: Mapping[str, int], seconds: float) -> None:
        """A request with events has its answer, `seconds` after its head was read.

        `path` is the way that it came: "http" (POST /v1/events) or the source that it has a route of its own for.
        `accepted` counts by topic, `rejected` by reason (those of the contract, and "unavailable").
        """

    def kafka_ready(self, ready: bool) -> None:
        """Whether Kafka answers the producer; told at each change."""


class Unobserved:
    """Counts nothing."""

    def answered(self, path: str, accepted: Mapping[str, int], rejected: Mapping[str, int], seconds: float) -> None:
        """Nothing."""

    def kafka_ready(self, ready: bool) -> None:
        """Nothing."""
