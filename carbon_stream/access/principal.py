"""Who has authenticated, and what they may send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from carbon_stream.access.roles import Role

__all__ = ["ANYTHING", "Allowance", "Principal", "Rate", "Via"]

Via = Literal["key", "token", "gateway", "mesh", "admin-token"]
"""By what somebody is known: a key of ours, a JSON Web Token, the gateway's headers, the sidecar's, the admin token."""


class Allowance:
    """The sources and event types that somebody may send.

    An entry is a name, or the beginning of names with `*` as its last character. None allows every name.
    """

    __slots__ = ("_known", "sources", "types")

    _KNOWN_MAX: Final = 4_096

    def __init__(self, sources: Iterable[str] | None = None, types: Iterable[str] | None = None) -> None:
        self.sources = None if sources is None else tuple(sources)
        self.types = None if types is None else tuple(types)
        self._known: dict[tuple[str, str], tuple[str, str] | None] = {}

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to look at."""
        return self.sources is None and self.types is None

    def refusal(self, source: str, event_type: str) -> tuple[str, str] | None:
        """Why an event may not be sent: a pointer to the field, and what is wrong with it; None where it may."""
        pair = (source, event_type)
        if pair in self._known:
            return self._known[pair]
        found = self._judge(source, event_type)
        if len(self._known) < self._KNOWN_MAX:
            self._known[pair] = found
        return found

    def _judge(self, source: str, event_type: str) -> tuple[str, str] | None:
        if not _matches(self.sources, source):
            return "/source", f"may not be {source[:100]!r} for this sender; it sends for {_listed(self.sources)}"
        if not _matches(self.types, event_type):
            return "/eventType", f"may not be {event_type} for this sender; it sends {_listed(self.types)}"
        return None


ANYTHING: Final = Allowance()


@dataclass(frozen=True, slots=True)
class Rate:
    """Events a second in the long run, and how many at once."""

    events_per_s: float
    burst_events: float


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who has shown who they are. `name` is what is written down about them."""

    name: str
    via: Via
    roles: frozenset[Role]
    credential_id: str | None = None
    """The public part of a key, or the token's `jti`; never a secret."""
    allowance: Allowance = field(default=ANYTHING, compare=False)
    rate: Rate | None = None

    def context(self) -> dict[str, str]:
        """What goes into an event's `context.principal`."""
        told = {"name": self.name, "via": self.via}
        return told if self.credential_id is None else {**told, "credentialId": self.credential_id}


def _matches(patterns: tuple[str, ...] | None, name: str) -> bool:
    if patterns is None:
        return True
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns)


def _listed(patterns: tuple[str, ...] | None) -> str:
    listed = ", ".join(each[:100] for each in (patterns or ())[:10])
    return listed + (", …" if patterns is not None and len(patterns) > 10 else "") or "nothing"
