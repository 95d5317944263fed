"""How many may follow the live tail, and how far each may lag."""

from __future__ import annotations

from pydantic import Field

from carbon_stream.settings.base import Part


class LiveSettings(Part):
    """The live tail. A process holds at most 4 MiB for each reader, whatever is set here."""

    live_readers_max: int = Field(
        64,
        ge=1,
        le=10_000,
        description="streams of the live tail that a process serves at a time; more are answered 503",
    )
    live_reader_events_max: int = Field(
        1_000, ge=1, le=1_000_000, description="events that wait for a slow reader before it lacks some, and is told so"
    )
