"""How workers fold, and where they keep rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from carbon_stream.settings.base import Part


class StreamingSettings(Part):
    """The workers."""

    store: Literal["memory", "rocksdb"] = Field(
        "memory", description="where a worker keeps its tables' rows: memory, or rocksdb (in the data directory)"
    )
    session_timeout_ms: int = Field(
        10_000, ge=6_000, le=300_000, description="a worker silent for so long loses its partitions"
    )
    instance_id: str | None = Field(
        None, max_length=200, pattern=r"^[A-Za-z0-9._-]+$", description="a worker's stable name (static membership)"
    )
    topic_replication: int | None = Field(
        None, ge=1, le=9, description="replicas of new topics; unset: three, or as many as there are brokers"
    )
    row_formats: Literal["newest", "previous"] = Field(
        "newest", description="previous: workers write all rows as the release before this one reads them"
    )
