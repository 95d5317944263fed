"""For how long an event or a request that comes again is recognised on this host."""

from __future__ import annotations

from pydantic import Field

from carbon_stream.settings.base import Part


class RepeatSettings(Part):
    """The window in which repeats are answered as such; beyond it the agents' deduplication counts them once."""

    repeat_window_events: int = Field(
        100_000, ge=0, le=10_000_000, description="the last events that are known at least, on this host; 0: none"
    )
    repeat_window_s: float = Field(
        3_600.0, gt=0, le=604_800, description="how long events and idempotency keys are known, seconds"
    )
