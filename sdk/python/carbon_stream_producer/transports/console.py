"""Events as lines of text: to see what a service would send."""

import sys
from typing import TextIO

from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Done
from carbon_stream_producer.transports.noop import NoopTransport

__all__ = ["ConsoleTransport"]


class ConsoleTransport(NoopTransport):
    """Writes `topic key json`, a line each, to the stream (standard output unless said otherwise)."""

    status = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, record: Record, done: Done) -> None:
        """Write the event's line."""
        stream = self._stream or sys.stdout
        key = "-" if record.key is None else record.key.decode()
        stream.write(f"{record.topic} {key} {record.value.decode()}\n")
        stream.flush()
        super().send(record, done)
