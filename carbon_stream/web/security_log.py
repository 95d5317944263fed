"""What does not fit together, written down: as security events on the topic, as metrics, and in the log.

The first of its kind at once, what follows within a minute together: whoever tries keys in a loop fills no topic.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from carbon_stream.access.principal import Principal
from carbon_stream.access.rate import Buckets
from carbon_stream.access.refusals import Denied
from carbon_stream.access.repeats import Repeats
from carbon_stream.access.told import security_event
from carbon_stream.enrichment import Origin
from carbon_stream.ingest.scrutiny import Finding
from carbon_stream.observability import metrics

__all__ = ["SecurityLog"]

Note = Callable[[dict[str, Any], Origin], object]
_ACTIONS: Final = {"/source": "source-mismatch", "/eventType": "type-mismatch"}

log = logging.getLogger(__name__)


class _Incident(NamedTuple):
    """What is one kind of incident. `about` is the endpoint or what was claimed."""

    action: str
    principal: str | None
    address: str | None
    about: str
    message: str
    grave: bool
    denied: bool


class SecurityLog:
    """Fulfils `Overseer`; `note` publishes an event without anybody waiting for it."""

    def __init__(self, note: Note, buckets: Buckets, clock: Callable[[], float] = time.monotonic) -> None:
        self._note, self._buckets, self._clock = note, buckets, clock
        self._repeats: Repeats[_Incident] = Repeats()
        self._origins: dict[_Incident, Origin] = {}

    def sent(self, origin: Origin, events: int, findings: Mapping[Finding, int]) -> None:
        """Events were sent: they count for the sender's rate, and what does not fit is told."""
        principal = origin.principal
        if principal is None:
            return
        self._buckets.spend(principal, events)
        for finding, times in findings.items():
            self._mismatch(origin, principal, finding, times)

    def denied(self, origin: Origin, refusal: Denied, method: str, path: str, principal: Principal | None) -> None:
        """Somebody was turned away. A request without any credential is counted, and is no incident."""
        metrics.ACCESS_REFUSED.labels(refusal.reason).inc()
        if refusal.reason == "missing":
            return
        action = "authentication" if principal is None else "authorization"
        told = f"{refusal.detail} ({method} {path})"
        name = principal.name if principal is not None else None
        self._tell(_Incident(action, name, origin.client_address, path, told, False, True), origin)

    def impostor(self, origin: Origin, claimed: str) -> None:
        """Somebody sends the gateway's headers without being the gateway."""
        who = origin.workload or origin.client_address or "a peer without an identity"
        told = f"{who} sends the gateway's headers and is not the gateway; it is not believed to be {claimed!r}"
        self._tell(
            _Incident("gateway-impersonation", origin.workload, origin.client_address, claimed, told, True, True),
            origin,
        )

    def flush(self) -> None:
        """Tells of what happened again meanwhile; called each second."""
        for incident, times in self._repeats.due(self._clock()):
            origin = self._origins.pop(incident)
            self._publish(incident, f"{incident.message}; {times:,} times more within a minute", origin)
        for incident in [known for known in self._origins if known not in self._repeats]:
            del self._origins[incident]

    def _mismatch(self, origin: Origin, principal: Principal, finding: Finding, times: int) -> None:
        action = _ACTIONS.get(finding.pointer, "principal-mismatch")
        refused = finding.pointer in _ACTIONS
        became = "refused" if refused else "taken, and the claim is not believed"
        told = f"{principal.name} sent an event with {finding.pointer} {finding.claimed!r}: {became}"
        incident = _Incident(action, principal.name, origin.client_address, finding.claimed, told, True, refused)
        self._tell(incident, origin, times)

    def _tell(self, incident: _Incident, origin: Origin, times: int = 1) -> None:
        metrics.ACCESS_INCIDENTS.labels(incident.action).inc(times)
        if self._repeats.first(incident, self._clock()):
            self._origins[incident] = origin
            self._publish(incident, incident.message, origin)
        if times > 1:
            self._repeats.first(incident, self._clock(), times - 1)

    def _publish(self, incident: _Incident, message: str, origin: Origin) -> None:
        log.warning("access: %s: %s", incident.action, message)
        event = security_event(
            incident.action,
            message,
            severity="HIGH" if incident.grave and incident.denied else "MEDIUM",
            outcome="DENIED" if incident.denied else "ACCEPTED",
            principal=incident.principal,
            address=incident.address,
            resource=incident.about,
        )
        self._note(event, origin)
