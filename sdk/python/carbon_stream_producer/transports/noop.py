"""Nowhere: events are checked and then forgotten."""

from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Done, Opening

__all__ = ["NoopTransport"]


class NoopTransport:
    """For tests and for machines without a broker. A base for transports that are done at once."""

    status = "noop"

    def open(self, opening: Opening) -> None:
        """Nothing to get ready."""

    def send(self, record: Record, done: Done) -> None:
        """Done."""
        done(Receipt(record.event_id, self.status, record.topic))

    def serve(self, timeout_s: float) -> bool:
        """Nothing is ever waited for."""
        return False

    def flush(self, timeout_s: float | None) -> None:
        """Nothing waits."""

    def close(self, timeout_s: float) -> None:
        """Nothing to end."""
