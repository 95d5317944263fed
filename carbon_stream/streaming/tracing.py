"""Where spans enter: a unit of work may be told to whoever traces, and say on the changelog which traces it is in.

Nothing here knows of OpenTelemetry, and without a tracer nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from carbon_stream.streaming.batch import Batch

__all__ = ["TRACES", "Headers", "Tracing", "Untraced"]

Headers = list[tuple[str, bytes]]
TRACES: Final = "traces"
"""Header of the last record of a unit's rows: `traceparent`s of the spans that have made them, with commas between."""


class Tracing(Protocol):
    """Told of each unit of work. Must neither raise nor block."""

    def unit(self, stage: str, batches: Sequence[Batch]) -> AbstractContextManager[Headers]:
        """Around the unit's fold and commit; gives headers for the last of its rows on the changelog."""


class Untraced:
    """Looks at nothing."""

    _nothing: Final[AbstractContextManager[Headers]] = nullcontext([])

    def unit(self, stage: str, batches: Sequence[Batch]) -> AbstractContextManager[Headers]:
        """No spans."""
        return self._nothing
