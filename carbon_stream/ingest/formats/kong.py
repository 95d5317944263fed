"""Entries of Kong's http-log plugin (Kong 3) as AuditAPICallEvent. Pure.

| entry | field |
|---|---|
| service.name, else service.host, else service.id, else "kong" | service |
| request.method, request.uri (its path) | method, endpoint |
| response.status, latencies.request | statusCode, latencyMs |
| request.size, response.size | requestSizeBytes, responseSizeBytes |
| consumer.username, else custom_id, else id | userId |
| authenticated_entity.id | apiKey: the credential's id; the credential is in no field |
| client_ip, started_at | ipAddress, timestamp |
| request.id (3.5 and later), else X-Kong-Request-Id of the response | eventId; without one, a hash of the entry |
| traceparent of the request, else trace_id.w3c | the trace |

The rest is kept in one object `gateway`, with secrets taken out of it (`redaction`). An entry about a request to our
own ingest is no event: if entries came through the gateway, each would make another one.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.invalid import INVALID, FieldError, Refused
from carbon_stream.contracts.json_text import describe
from carbon_stream.enrichment import TraceParent
from carbon_stream.ingest.formats.reading import Arrival, NoEvent
from carbon_stream.ingest.origin import parse_traceparent
from carbon_stream.ingest.redaction import redact, redact_text

__all__ = ["ENTRY_BYTES_MAX", "OWN_SERVICE", "OWN_UPSTREAM", "read_entry"]

OWN_SERVICE: Final = "carbon-stream"
"""The name of our service at the gateway."""
OWN_UPSTREAM: Final = "carbon-stream-ingest"
"""The first label of its upstream's host."""
ENTRY_BYTES_MAX: Final = 256 * 1024
"""Gateways take far smaller heads; finding secrets costs up to a microsecond a byte."""
_ID_CHARS_MAX: Final = 200
_NESTING: Final = limits.NESTING - 3
"""What an entry holds stands a little deeper in the event."""
_KNOWN: Final = frozenset(
    (
        *("service", "route", "request", "response", "latencies", "consumer", "authenticated_entity", "client_ip"),
        *("started_at", "trace_id", "tries", "upstream_uri", "upstream_status", "workspace", "workspace_name"),
        "source",
    )
)
_POINTERS: Final[Mapping[str, str]] = {
    "/eventId": "/request/id",
    "/timestamp": "/started_at",
    "/service": "/service/name",
    "/endpoint": "/request/uri",
    "/method": "/request/method",
    "/statusCode": "/response/status",
    "/latencyMs": "/latencies/request",
    "/requestSizeBytes": "/request/size",
    "/responseSizeBytes": "/response/size",
    "/ipAddress": "/client_ip",
}


def read_entry(raw: bytes, max_bytes: int) -> Arrival:
    """The event of one entry. Raises Invalid with pointers into the entry, NoEvent for one about ourselves."""
    entry = codec.parse(raw, max_bytes=min(max_bytes, ENTRY_BYTES_MAX), max_nesting=_NESTING)
    service = _object(entry, "service")
    if _is_ours(service, _object(entry, "route")):
        raise NoEvent
    parts = ("request", "response", "latencies")
    errors = [_not_an_object(name, entry) for name in parts if not isinstance(entry.get(name), dict)]
    if errors:
        raise Refused(INVALID, tuple(errors), None)
    request, response = entry["request"], entry["response"]
    event_id = _event_id(request, response, raw)
    trace, trace_id = _trace(entry, request)
    uri = request.get("uri")
    data: dict[str, Any] = {
        "eventId": event_id,
        "eventType": "AuditAPICallEvent",
        "timestamp": entry.get("started_at"),
        "source": "kong",
        "service": (_first(service, "name", "host", "id") or "kong")[: limits.NAME_CHARS],
        "endpoint": _path(uri) if isinstance(uri, str) else uri,
        "method": request.get("method"),
        "statusCode": response.get("status"),
        "latencyMs": entry["latencies"].get("request"),
        "requestSizeBytes": _or(request.get("size"), 0),
        "responseSizeBytes": _or(response.get("size"), 0),
        "ipAddress": _or(entry.get("client_ip"), "unknown"),
        "correlationId": trace_id,
    }
    consumer = _object(entry, "consumer")
    data["userId"] = (_first(consumer, "username", "custom_id", "id") or "")[: limits.NAME_CHARS] or None
    data["apiKey"] = (_first(_object(entry, "authenticated_entity"), "id") or "")[: limits.NAME_CHARS] or None
    data["gateway"] = _gateway(entry, trace_id)
    return Arrival(data, trace, (), _relocate)


def _relocate(pointer: str) -> str:
    return _POINTERS.get(pointer, "")


def _is_ours(service: Mapping[str, Any], route: Mapping[str, Any]) -> bool:
    host = service.get("host")
    upstream = host.partition(".")[0].lower() if isinstance(host, str) else ""
    if service:
        return service.get("name") == OWN_SERVICE or upstream == OWN_UPSTREAM
    return route.get("name") == OWN_SERVICE


def _not_an_object(name: str, entry: Mapping[str, Any]) -> FieldError:
    if entry.get(name) is None:
        return FieldError(f"/{name}", "missing", "is required of an entry about an HTTP request")
    return FieldError(f"/{name}", "type", f"must be an object, not {describe(entry[name])}")


def _event_id(request: Mapping[str, Any], response: Mapping[str, Any], raw: bytes) -> str:
    """Never from a header of the request: its sender could make it look like a repeat of somebody else's."""
    request_id = _first(request, "id") or _first(_object(response, "headers"), "x-kong-request-id")
    if request_id is None or len(request_id) > _ID_CHARS_MAX:
        return f"kong-entry-{hashlib.sha256(raw).hexdigest()[:32]}"
    return f"kong-{request_id}"


def _trace(entry: Mapping[str, Any], request: Mapping[str, Any]) -> tuple[TraceParent | None, str | None]:
    given = _first(_object(request, "headers"), "traceparent")
    trace = parse_traceparent(given) if given is not None else None
    if trace is not None:
        return trace, trace.trace_id
    trace_id = _first(_object(entry, "trace_id"), "w3c")
    return None, trace_id[: limits.NAME_CHARS] if trace_id else None


def _path(uri: str) -> str:
    try:
        path = urlsplit(uri).path if "://" in uri else uri.partition("?")[0].partition("#")[0]
    except ValueError:
        path = uri.partition("?")[0]
    return redact_text(path)[: limits.LOCATION_CHARS]


def _gateway(entry: Mapping[str, Any], trace_id: str | None) -> dict[str, Any]:
    """What the event has no field for; nulls are left out."""
    request, response, route = entry["request"], entry["response"], _object(entry, "route")
    service, consumer = _object(entry, "service"), _object(entry, "consumer")
    uri, upstream_uri = request.get("uri"), entry.get("upstream_uri")
    kept = {
        "requestId": _first(request, "id"),
        "traceId": trace_id,
        "uri": redact_text(uri) if isinstance(uri, str) and "?" in uri else None,
        "upstreamUri": redact_text(upstream_uri) if isinstance(upstream_uri, str) else None,
        "upstreamStatus": redact(entry.get("upstream_status")),
        "answeredBy": _first(entry, "source"),
        "latencies": redact(entry["latencies"]),
        "service": _some(service, "id", "name", "host", "port", "protocol"),
        "route": _some(route, "id", "name", "paths"),
        "consumer": _some(consumer, "id", "username", "custom_id"),
        "workspace": _first(entry, "workspace_name", "workspace"),
        "tries": redact(entry.get("tries")),
        "tls": _some(_object(request, "tls"), "version", "cipher", "client_verify"),
        "requestHeaders": redact(_object(request, "headers")) or None,
        "responseHeaders": redact(_object(response, "headers")) or None,
        "custom": redact({name: value for name, value in entry.items() if name not in _KNOWN}) or None,
    }
    return {name: value for name, value in kept.items() if value is not None}


def _some(known: Mapping[str, Any], *names: str) -> dict[str, Any] | None:
    return {name: redact(known[name]) for name in names if known.get(name) is not None} or None


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _first(holder: Mapping[str, Any], *names: str) -> str | None:
    """The first of the members that is a string and not empty."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
