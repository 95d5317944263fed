"""What a file of rules says, once it has been read and found good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from carbon_stream.contracts.names import OUTBOX_PREFIX
from carbon_stream.rules.match import Condition
from carbon_stream.rules.paths import Path

__all__ = ["ALL_FIELDS", "Endpoint", "Repeats", "Rule", "RuleSet", "RuleTopic", "Secret", "outbox"]

ALL_FIELDS: Final = "*"


@dataclass(frozen=True, slots=True)
class Repeats:
    """The rule sends only when `times` events of one `by` have come within `within_ms`; then it counts anew."""

    by: tuple[str, ...]
    """Templates, such as `${userId}`."""
    times: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Either `topic` or `endpoint` is set."""

    name: str
    match: Condition
    topic: str | None = None
    endpoint: str | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    """Templates by field."""
    drop: tuple[Path, ...] = ()
    drops_all: bool = False
    """Of the event only the envelope stays, and what is set."""
    key: str | None = None
    """A template."""
    repeats: Repeats | None = None
    description: str = ""

    @property
    def target(self) -> str:
        """The topic that it writes to."""
        return outbox(self.endpoint) if self.endpoint is not None else str(self.topic)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is not in the file: an environment variable, or a file of its own."""

    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that events are posted to."""

    name: str
    url: str
    method: Literal["POST", "PUT"] = "POST"
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    form: Mapping[str, Any] | None = None
    """Templates by field: the body is a form, else JSON."""
    body: Any = None
    """A template: the body in place of the event."""
    signing: Secret | None = None
    success: Mapping[str, Any] = field(default_factory=dict)
    """What the answer's JSON must say beside a status of 2xx, by field."""
    timeout_s: float = 10.0
    give_up_after_s: float = 86_400.0
    parallel: int = 3
    """Partitions of its outbox: so many requests are under way at once; events of one key stay in order."""


@dataclass(frozen=True, slots=True)
class RuleTopic:
    """A topic that rules write to, beside the twelve."""

    name: str
    partitions: int
    retention_ms: int


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that is in force."""

    rules: tuple[Rule, ...] = ()
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    topics: Mapping[str, RuleTopic] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    """Shipped rules that are switched off."""


def outbox(endpoint: str) -> str:
    """The topic where events wait for an endpoint: one each, so that nobody waits behind somebody else's."""
    return OUTBOX_PREFIX + endpoint
