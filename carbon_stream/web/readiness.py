"""What must hold before a process is sent requests. Apart from the metrics, which a supervisor must not import."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

Check = Callable[[], str | None]
"""Says what is missing, in a few words, or None when nothing is."""


class Readiness:
    """What must hold before this process is sent requests, by name."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._draining = False

    def require(self, name: str, check: Check) -> None:
        """From now on the process is ready only while ``check`` gives None."""
        assert name not in self._checks, name
        self._checks[name] = check

    def drain(self) -> None:
        """The process is about to stop: not ready any more, whatever the checks say."""
        self._draining = True

    @property
    def draining(self) -> bool:
        """Whether the process is about to stop."""
        return self._draining

    def missing(self) -> dict[str, str]:
        """What is missing, by name; empty when ready."""
        missing = {name: lack for name, check in self._checks.items() if (lack := check()) is not None}
        if self._draining:
            missing["process"] = "it is stopping"
        return missing

    def names(self) -> list[str]:
        """Everything that is required."""
        return list(self._checks)


READINESS: Final = web.AppKey("readiness", Readiness)
