"""Who sent a request: the gateway's headers, the client's address, its trace. Only what can be believed.

Anyone who reaches the port can send `X-Consumer-Username` and the like. They are read only when the peer of the
connection is in `trusted_proxies`, which is empty unless the operator sets it: not even loopback is trusted, since
behind a sidecar every peer is local. In a mesh the peer is who our sidecar says it has shaken hands with, and the
gateway is known by its SPIFFE ID alone. A user agent and a `traceparent` are claims by nature, and are taken from
anyone, bounded and cleaned.
"""

import itertools
import re
import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from uuid import uuid4

from aiohttp import web
from multidict import CIMultiDictProxy

from carbon_stream.access import client_certificate
from carbon_stream.enrichment import Consumer, Origin, TraceParent
from carbon_stream.observability.logging import log_about
from carbon_stream.settings import Network

__all__ = [
    "ORIGIN",
    "REQUEST_ID",
    "TRACE",
    "OriginReader",
    "carried_tracestate",
    "clean",
    "new_request_id",
    "parse_traceparent",
]

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""Where the request keeps its id, for the answer's `X-Request-Id` and for logs."""

TRACE: Final = web.RequestKey("trace", TraceParent)
"""The span of the request, where spans are exported: its events are children of that, not of whoever called."""
ORIGIN: Final = web.RequestKey("origin", Origin)
"""Where the request keeps its origin, once somebody has asked for it."""

_NAME_CHARS_MAX: Final = 256
_USER_AGENT_CHARS_MAX: Final = 512
_HOPS_MAX: Final = 32
_TRACESTATE_CHARS_MAX: Final = 512
_TRACESTATE: Final = re.compile(r"[\x20-\x7e]+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values: version ff is invalid, and what a later
# version adds stands behind a further dash.
_TRACEPARENT: Final = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)


# Where a sidecar's connections come from: loopback, and what Istio binds to for connections from outside.
_SIDECAR: Final = tuple(ip_network(each) for each in ("127.0.0.0/8", "::1/128", "::6/128"))


class OriginReader:
    """Reads the origin of requests, believing the gateway's headers from trusted networks only.

    With `gateway_identities`, from peers with one of these SPIFFE IDs only; then `trusted` are proxies in front of the
    gateway. With `spans`, a request may have a span of its own under TRACE.
    """

    def __init__(
        self,
        trusted: Sequence[Network],
        clock: Callable[[], float] = time.time,
        gateway_identities: Collection[str] | None = None,
        *,
        spans: bool = False,
    ) -> None:
        self._trusted = tuple(trusted)
        self._clock = clock
        self._gateways = gateway_identities
        self._spans = spans
        self._is_trusted = lru_cache(maxsize=4_096)(self._in_trusted)

    def read(self, request: web.BaseRequest) -> Origin:
        """The origin of a request; also settles the id that the answer carries."""
        known = request.get(ORIGIN)
        if known is None:
            known = request[ORIGIN] = self._read(request)
        return known

    def _read(self, request: web.BaseRequest) -> Origin:
        headers = request.headers
        peer = _address(request.remote or "")
        workload = None
        if self._gateways is None:
            by_gateway = peer is not None and self._is_trusted(peer)
        else:
            workload = self._workload(peer, headers)
            by_gateway = workload in self._gateways
            peer = None if _is_sidecar(peer) else peer  # a sidecar's address is nobody's
        given = headers.get("X-Request-Id", "") if by_gateway else ""
        request_id = given if _REQUEST_ID.fullmatch(given) else new_request_id()
        request[REQUEST_ID] = request_id
        trace = (request.get(TRACE) if self._spans else None) or _trace(headers)
        if trace is None:
            log_about(requestId=request_id)
        else:
            log_about(requestId=request_id, traceId=trace.trace_id)
        return Origin(
            received_at=int(self._clock() * 1000),
            request_id=request_id,
            client_address=self._client(peer, headers) if by_gateway else peer,
            user_agent=clean(headers.get("User-Agent"), _USER_AGENT_CHARS_MAX),
            consumer=_consumer(headers) if by_gateway else None,
            trace=trace,
            tracestate=None if trace is None else _tracestate(headers),
            by_gateway=by_gateway,
            workload=workload,
        )

    def _workload(self, peer: str | None, headers: CIMultiDictProxy[str]) -> str | None:
        """Who our sidecar says the peer is; only the sidecar is believed, and only in a mesh."""
        if client_certificate.HEADER not in headers or not _is_sidecar(peer):
            return None
        return client_certificate.caller_of(headers.getall(client_certificate.HEADER))

    def _client(self, peer: str | None, headers: CIMultiDictProxy[str]) -> str | None:
        """The last address in X-Forwarded-For that is no trusted proxy: further left anyone may have written."""
        client = peer
        hops = ",".join(headers.getall("X-Forwarded-For", ())).rsplit(",", _HOPS_MAX)[-_HOPS_MAX:]
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            client = address
            if not self._is_trusted(address):
                break
        return client

    def _in_trusted(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)


_PROCESS: Final = str(uuid4())[:24]
_requests = itertools.count(uuid4().int & 0xFFFF_FFFF)


def new_request_id() -> str:
    """An id like a random UUID that no other request has: random for the process, counted within it.

    A random number for each request is a call of the system, which takes as long as checking a small event.
    """
    return f"{_PROCESS}{next(_requests) & 0xFFFF_FFFF_FFFF:012x}"


@lru_cache(maxsize=256)
def clean(value: str | None, chars_max: int) -> str | None:
    """A header's value as text that can be stored and shown: valid Unicode, no control characters, bounded."""
    if not value:
        return None
    value = value[: 4 * chars_max]
    if not (value.isascii() and value.isprintable()):
        # aiohttp keeps bytes that are not UTF-8 as lone surrogates, which JSON cannot say
        value = _CONTROLS.sub(" ", value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return value.strip()[:chars_max] or None


def parse_traceparent(value: str) -> TraceParent | None:
    """A W3C traceparent, or None where it is not valid (it is then ignored, as the specification says)."""
    found = _TRACEPARENT.fullmatch(value.strip())
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if trace_id.strip("0") == "" or parent_id.strip("0") == "" or (version == "00" and more):
        return None
    return TraceParent(trace_id, parent_id, flags)


def _trace(headers: CIMultiDictProxy[str]) -> TraceParent | None:
    if "traceparent" not in headers:
        return None
    values = headers.getall("traceparent")
    return parse_traceparent(values[0]) if len(values) == 1 and len(values[0]) <= _USER_AGENT_CHARS_MAX else None


def _tracestate(headers: CIMultiDictProxy[str]) -> str | None:
    """The tracestate beside a valid traceparent; W3C asks that 512 characters of it be carried."""
    if "tracestate" not in headers or _trace(headers) is None:
        return None
    return carried_tracestate(",".join(headers.getall("tracestate")))


def carried_tracestate(value: str) -> str | None:
    """A tracestate that can be carried, else None: without it a trace is still whole."""
    value = value.strip()
    return value if 0 < len(value) <= _TRACESTATE_CHARS_MAX and _TRACESTATE.fullmatch(value) else None


def _consumer(headers: CIMultiDictProxy[str]) -> Consumer | None:
    consumer = Consumer(
        username=clean(headers.get("X-Consumer-Username"), _NAME_CHARS_MAX),
        custom_id=clean(headers.get("X-Consumer-Custom-ID"), _NAME_CHARS_MAX),
        credential_id=clean(headers.get("X-Credential-Identifier"), _NAME_CHARS_MAX),
    )
    return consumer if consumer != Consumer() else None


@lru_cache(maxsize=256)
def _is_sidecar(peer: str | None) -> bool:
    return peer is not None and any(ip_address(peer) in network for network in _SIDECAR)


@lru_cache(maxsize=1_024)
def _address(text: str) -> str | None:
    """An IP address in its usual form, without port, brackets and zone; None where it is none."""
    text = text.strip()[:_NAME_CHARS_MAX]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)
