"""What is kept on this machine's disk when Kafka takes no events, and for how long repeats are known."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from carbon_stream.settings.base import Part


class SpoolSettings(Part):
    """The spool of the way in."""

    spool_dir: Path | None = Field(
        None, description="where events wait that Kafka does not take now; unset: spool in the data directory"
    )
    spool_max_bytes: int = Field(
        1 << 30, ge=0, description="most bytes of events that wait there, for each process; then 503. 0: no spool"
    )
    spool_max_age_s: float = Field(
        86_400.0, gt=0, description="while events wait there for longer, it takes no more, seconds"
    )
    spool_after_s: float = Field(
        2.0, gt=0, le=300, description="time Kafka has for an acknowledgement before an event goes there, seconds"
    )
