"""When an endpoint is asked, as a decision: backoff for one event, a circuit breaker for the endpoint. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["Circuit", "backoff_s"]

FAILURES_MAX: Final = 5
"""In a row, whatever the events; then the endpoint is left alone for a while."""
PAUSE_S_MIN, PAUSE_S_MAX = 5.0, 120.0
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.5, 60.0
RETRY_AFTER_S_MAX: Final = 600.0


def backoff_s(attempts: int, jitter: float, retry_after_s: float | None = None) -> float:
    """How long an event waits after so many failed attempts. `jitter` is 0 to 1; the endpoint's own wish is bounded."""
    most: float = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** min(attempts - 1, 20))
    waited = most * (0.5 + 0.5 * jitter)
    return waited if retry_after_s is None else max(waited, min(retry_after_s, RETRY_AFTER_S_MAX))


class Circuit:
    """Closed: whoever wants asks. Open: nobody does until a pause is over; then one asks for all. Times are seconds."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_s = PAUSE_S_MIN
        self._until = 0.0
        self._is_probed = False

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is being left alone."""
        return self._failures >= FAILURES_MAX

    def wait_s(self, now: float) -> float:
        """0 if a request may be made now, which the caller then makes; else when to ask again."""
        if not self.is_open:
            return 0.0
        if now < self._until:
            return self._until - now
        if self._is_probed:
            return 0.25
        self._is_probed = True
        return 0.0

    def answered(self) -> None:
        """The endpoint is well, whatever it said."""
        self._failures, self._pause_s, self._is_probed = 0, PAUSE_S_MIN, False

    def failed(self, now: float) -> None:
        """A request came to nothing."""
        was_open = self.is_open
        self._failures += 1
        if not self.is_open:
            return
        if was_open:
            self._pause_s = min(PAUSE_S_MAX, self._pause_s * 2)
        self._until, self._is_probed = now + self._pause_s, False

    def dropped(self) -> None:
        """A request was given up without an outcome; another may probe."""
        self._is_probed = False
