"""The fake for your tests: remembers what was produced, and fails when it is told to."""

import json
import threading
from typing import Any

from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.errors import DeliveryFailed
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Done
from carbon_stream_producer.transports.noop import NoopTransport

__all__ = ["RecordingTransport"]


class RecordingTransport(NoopTransport):
    """Events are checked, filled in and routed as they would be, then kept in memory."""

    status = "recorded"

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._failures: list[tuple[str, bool]] = []
        self._lock = threading.Lock()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, in order, as their JSON."""
        return [json.loads(record.value) for record in self.records]

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """The events of a type."""
        return [event for event in self.events if event["eventType"] == event_type]

    def fail_next(self, reason: str = "told to fail", *, times: int = 1, retriable: bool = True) -> None:
        """Let the next deliveries fail."""
        with self._lock:
            self._failures += [(reason, retriable)] * times

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.records.clear()
            self._failures.clear()

    def send(self, record: Record, done: Done) -> None:
        """Keep the record, or fail as told."""
        with self._lock:
            failure = self._failures.pop(0) if self._failures else None
            if failure is None:
                self.records.append(record)
        if failure is None:
            done(Receipt(record.event_id, self.status, record.topic))
        else:
            done(DeliveryFailed(record.event_id, failure[0], retriable=failure[1]))
