"""What ingest tells whoever counts: a hook, so that no logic knows of metrics."""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["IngestObserver", "Unobserved"]


class IngestObserver(Protocol):
    """Called once a request, never once an event."""

    def answered(
        self, path: str, taken: Mapping[tuple[str, str], int], rejected: Mapping[str, int], seconds: float
    ) -> None:
        """A request with events has its answer, `seconds` after its head was read.

        `path` is the way that it came: "http" (POST /v1/events) or the source that it has a route of its own for.
        `taken` counts by status (accepted, spooled, duplicate) and topic, `rejected` by reason (those of the contract,
        "conflict" and "unavailable").
        """

    def kafka_ready(self, ready: bool) -> None:
        """Whether Kafka answers the producer; told at each change."""

    def spooled(self, events: int) -> None:
        """Events were put into the spool, durably."""

    def forwarded(self, events: int, perhaps_repeats: int) -> None:
        """Events of the spool are on their topics; so many of them had been sent before with an unknown outcome."""

    def sent_again(self, events: int) -> None:
        """Events are sent again at once, though the first attempt may have arrived: their producer broke."""

    def spool_committed(self, seconds: float) -> None:
        """A commit of the spool, synced to the disk, took so long."""

    def spool_set_aside(self, what: str, number: int) -> None:
        """Something in the spool cannot be forwarded, and was set aside: a corrupt file, an unreadable event, …."""


class Unobserved:
    """Counts nothing."""

    def answered(
        self, path: str, taken: Mapping[tuple[str, str], int], rejected: Mapping[str, int], seconds: float
    ) -> None:
        """Nothing."""

    def kafka_ready(self, ready: bool) -> None:
        """Nothing."""

    def spooled(self, events: int) -> None:
        """Nothing."""

    def forwarded(self, events: int, perhaps_repeats: int) -> None:
        """Nothing."""

    def sent_again(self, events: int) -> None:
        """Nothing."""

    def spool_committed(self, seconds: float) -> None:
        """Nothing."""

    def spool_set_aside(self, what: str, number: int) -> None:
        """Nothing."""
