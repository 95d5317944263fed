"""What the service adds to an event that came by HTTP: missing parts of the envelope, and one object `context`.

Nothing that a producer sent is overwritten. A `context` that a sender brings moves to `context.claimed`, and nothing
in it is believed. null counts as absent.

Filled in: `eventId` (a random UUID), `timestamp` (time of receipt), `version` ("1.0.0"; never in a DeploymentEvent,
whose version is the deployed one), `correlationId` (the trace id of the event or the request, else the event's own
id: an event that nothing is said about begins a flow of its own).

`context` has `receivedAt` (ms), `requestId`, and where known `clientAddress`, `userAgent`, `principal` (who has shown
us who they are: `name`, `via`, `credentialId`), `consumer` (who authenticated at the gateway: `username`, `customId`,
`credentialId`), `workload` (the peer in the mesh), `traceId`, and `service`: what the service catalog knows of the
event's source (`namespace`, `group`, `tier`, `owner`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import orjson
from msgspec import UNSET, Struct

from carbon_stream.access.principal import Principal
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.contracts.plain import PlainEvent
from carbon_stream.contracts.scalars import DEFAULT_VERSION
from carbon_stream.enrichment.services import Service

__all__ = ["Consumer", "Enrichment", "Origin", "TraceParent"]

_VERSION_OF_ITS_OWN: Final = frozenset(
    topic.event_type for topic in TOPICS if topic.model.model_fields["version"].is_required()
)


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who authenticated at the gateway, in its words."""

    username: str | None = None
    custom_id: str | None = None
    credential_id: str | None = None


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A valid W3C traceparent (Trace Context level 1), version 00."""

    trace_id: str
    parent_id: str
    flags: str

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.parent_id}-{self.flags}"


class Origin(Struct, frozen=True, gc=False):
    """What is known of the request that brought an event. Only what can be believed is in here."""

    received_at: int
    """Time of receipt, ms since the epoch."""
    request_id: str
    client_address: str | None = None
    user_agent: str | None = None
    consumer: Consumer | None = None
    trace: TraceParent | None = None
    tracestate: str | None = None
    """Of that trace, as it came: it is carried and not looked into."""
    by_gateway: bool = False
    """Whether it came through the gateway, as far as can be told."""
    workload: str | None = None
    """SPIFFE ID of the peer in the mesh."""
    principal: Principal | None = None
    """Who has authenticated with us, where that is asked for."""


class Enrichment:
    """Enriches the events of one request."""

    __slots__ = ("_base", "_base_text", "_correlation", "_services", "origin")

    def __init__(self, origin: Origin, services: Mapping[str, Service]) -> None:
        self.origin = origin
        self._services = services
        self._base = _base(origin)
        self._correlation = origin.trace.trace_id if origin.trace else None
        self._base_text = orjson.dumps(self._base)

    def apply(self, topic: Topic, data: dict[str, Any], trace: TraceParent | None = None) -> None:
        """Adds to a valid event, in place; `topic` is its topic, `trace` one of its own beside the request's."""
        event_id = data.get("eventId")
        if event_id is None:
            event_id = data["eventId"] = str(uuid4())
        if data.get("timestamp") is None:
            data["timestamp"] = self.origin.received_at
        if data.get("version") is None and topic.event_type not in _VERSION_OF_ITS_OWN:
            data["version"] = DEFAULT_VERSION
        if data.get("correlationId") is None:
            data["correlationId"] = (trace.trace_id if trace else self._correlation) or event_id
        claimed = data.get("context")
        source: str = data["source"]
        if claimed is not None or trace is not None:
            own = {} if trace is None else {"traceId": trace.trace_id}
            data["context"] = {**self._context(source), **own, **({} if claimed is None else {"claimed": claimed})}
            return
        data["context"] = orjson.Fragment(self._context_text(source))

    def completed(self, event: PlainEvent, text: bytes) -> bytes:
        """The same for a plain event: `text`, its JSON, with what it lacks, which is set on the event too."""
        more = b""
        event_id = event.event_id
        if event_id is UNSET:
            event_id = event.event_id = str(uuid4())
            more = b',"eventId":' + orjson.dumps(event_id)
        if event.timestamp is UNSET:
            event.timestamp = self.origin.received_at
            more += b',"timestamp":%d' % event.timestamp
        if event.version is UNSET:  # never where it is of the type's own: there it is required
            event.version = DEFAULT_VERSION
            more += b',"version":' + orjson.dumps(DEFAULT_VERSION)
        if event.correlation_id is UNSET:
            event.correlation_id = self._correlation or event_id
            more += b',"correlationId":' + orjson.dumps(event.correlation_id)
        return b'%b%b,"context":%b}' % (text[:-1], more, self._context_text(event.source))

    def _context_text(self, source: str) -> bytes:
        service = self._services.get(source)
        return (
            self._base_text if service is None else b'%b,"service":%b}' % (self._base_text[:-1], service.context_text)
        )

    def _context(self, source: str) -> dict[str, Any]:
        service = self._services.get(source)
        return self._base if service is None else {**self._base, "service": service.context()}


def _base(origin: Origin) -> dict[str, Any]:
    base: dict[str, Any] = {"receivedAt": origin.received_at, "requestId": origin.request_id}
    if origin.client_address is not None:
        base["clientAddress"] = origin.client_address
    if origin.user_agent is not None:
        base["userAgent"] = origin.user_agent
    if origin.principal is not None:
        base["principal"] = origin.principal.context()
    if origin.consumer is not None:
        consumer = origin.consumer
        who = {"username": consumer.username, "customId": consumer.custom_id, "credentialId": consumer.credential_id}
        base["consumer"] = {name: value for name, value in who.items() if value is not None}
    if origin.workload is not None:
        base["workload"] = origin.workload
    if origin.trace is not None:
        base["traceId"] = origin.trace.trace_id
    return base
