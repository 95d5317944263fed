"""How requests are counted that were refused as a whole: as one event."""

from typing import Final

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.observer import IngestObserver
from carbon_stream.ingest.receipts import TOO_LARGE, UNAVAILABLE

__all__ = ["count_refused"]

_REASONS: Final = {400: "not-json", 413: TOO_LARGE, 503: UNAVAILABLE}


def count_refused(observer: IngestObserver, path: str, problem: ProblemError, seconds: float) -> None:
    """Tells `observer` of a request that came by `path`."""
    if problem.status in _REASONS:
        observer.answered(path, {}, {_REASONS[problem.status]: 1}, seconds)
