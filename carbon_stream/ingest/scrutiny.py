"""What is looked at of each valid event beyond its contract: may its sender send it, does it claim to come from
somebody else, and is there an API key in it that nobody is to see.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from carbon_stream.access.pseudonyms import Pseudonyms
from carbon_stream.contracts.catalog import Topic
from carbon_stream.contracts.invalid import FieldError, Invalid
from carbon_stream.enrichment import Origin

__all__ = ["FORBIDDEN", "Finding", "Forbidden", "Overseer", "Scrutiny", "Unseen"]

FORBIDDEN: Final = "forbidden"
"""The reason, and the `type` of the error, of an event that its sender may not send."""
_FINDINGS_MAX: Final = 100
_CHARS_MAX: Final = 200


class Finding(NamedTuple):
    """Something that does not fit together: what of the event (a pointer), and what it said there."""

    pointer: str
    claimed: str


class Forbidden(Invalid):
    """An event that is valid, and not this sender's to send. Its reason is none of the contract's."""

    def __init__(self, pointer: str, message: str) -> None:
        self.reason = FORBIDDEN
        self.errors = (FieldError(pointer, FORBIDDEN, message),)
        ValueError.__init__(self, FORBIDDEN, self.errors)


class Scrutiny:
    """Looks at the events of one request, and remembers what does not fit (the first hundred kinds of it)."""

    __slots__ = ("_allowance", "_principal", "_pseudonyms", "findings")

    def __init__(self, origin: Origin, pseudonyms: Pseudonyms) -> None:
        self._principal = origin.principal
        allowance = self._principal.allowance if self._principal is not None else None
        self._allowance = None if allowance is None or allowance.unlimited else allowance
        self._pseudonyms = pseudonyms
        self.findings: dict[Finding, int] = {}

    def look(self, topic: Topic, data: dict[str, Any]) -> None:
        """Looks at one event, and hides its API key, in place. Raises Forbidden."""
        self.allow(topic, data["source"])
        if self._principal is not None and isinstance(data.get("context"), dict):
            self._compare(data["context"], self._principal.name)
        if data.get("apiKey") is not None:
            self._pseudonyms.apply(data)

    def allow(self, topic: Topic, source: str) -> None:
        """All that there is to look at where an event has neither `context` nor API key. Raises Forbidden."""
        if self._allowance is None:
            return
        refusal = self._allowance.refusal(source, topic.event_type)
        if refusal is not None:
            pointer, message = refusal
            self._found(pointer, source if pointer == "/source" else topic.event_type)
            raise Forbidden(pointer, message)

    def _compare(self, claimed: Mapping[str, Any], name: str) -> None:
        """A `context` says who sent the event; what is there is a claim, and need not be true."""
        for member, field in (("principal", "name"), ("consumer", "username")):
            holder = claimed.get(member)
            told = holder.get(field) if isinstance(holder, dict) else holder
            if isinstance(told, str) and told != name:
                self._found(f"/context/{member}", told)

    def _found(self, pointer: str, claimed: str) -> None:
        finding = Finding(pointer, claimed[:_CHARS_MAX])
        if finding in self.findings or len(self.findings) < _FINDINGS_MAX:
            self.findings[finding] = self.findings.get(finding, 0) + 1


class Overseer(Protocol):
    """Told once a request, never once an event."""

    def sent(self, origin: Origin, events: int, findings: Mapping[Finding, int]) -> None:
        """A request had so many events, taken or not; `findings` say how many of them did not fit, and how."""


class Unseen:
    """For whoever asks nobody who they are."""

    def sent(self, origin: Origin, events: int, findings: Mapping[Finding, int]) -> None:
        """Nothing."""
