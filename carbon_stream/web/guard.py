"""Stands before every handler: asks who it is, whether they may, and whether not too fast; writes down reads of audit
events. Everything is decided in `carbon_stream.access`; here requests are read and answers given.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec.structs import replace

from carbon_stream.access.gate import Gate, Shown
from carbon_stream.access.principal import Principal
from carbon_stream.access.rate import Buckets
from carbon_stream.access.refusals import Denied, lacks_role, not_now
from carbon_stream.access.roles import Role, holds
from carbon_stream.access.told import read_event
from carbon_stream.enrichment import Origin
from carbon_stream.errors import ProblemError
from carbon_stream.ingest.origin import ORIGIN, OriginReader
from carbon_stream.observability import metrics
from carbon_stream.query.answers import ROWS_READ
from carbon_stream.web.endpoint_roles import PUBLIC, RECORDED_READS, role_of
from carbon_stream.web.security_log import SecurityLog

__all__ = ["GUARD", "Guard", "guard"]

Publish = Callable[[dict[str, Any], Origin], Awaitable[bool]]
_SENDING: Final = frozenset({"sender", "gateway"})
_RETRY_S: Final = 5


@dataclass(frozen=True, slots=True)
class Guard:
    """What the middleware works with. `on`: access control as a whole; without it only the admin token is asked for."""

    on: bool
    gate: Gate
    origins: OriginReader
    buckets: Buckets
    log: SecurityLog
    publish: Publish

    async def admit(self, request: web.Request, needed: Role) -> Origin:
        """The request's origin with its principal, who may do this. Raises Denied, ProblemError 503."""
        origin = self.origins.read(request)
        principal: Principal | None = None
        try:
            principal = await self.gate.principal(self._shown(request, origin))
            if not holds(principal.roles, needed):
                raise lacks_role(principal.name, needed)
        except Denied as refusal:
            self.log.denied(origin, refusal, request.method, _path(request), principal)
            raise
        if needed in _SENDING and (wait_s := self.buckets.wait_s(principal)) > 0:
            metrics.ACCESS_REFUSED.labels("rate").inc()
            raise not_now(f"{principal.name} has sent more than its rate allows; nothing of this was taken", wait_s)
        origin = request[ORIGIN] = replace(origin, principal=principal)
        return origin

    def _shown(self, request: web.Request, origin: Origin) -> Shown:
        headers = request.headers
        claimed = headers.get("X-Consumer-Username")
        if claimed is not None and not origin.by_gateway:
            self.log.impostor(origin, claimed[:200])
        consumer = origin.consumer
        return Shown(
            authorization=headers.getall("Authorization", ()),
            api_key=headers.getall("X-Api-Key", ()),
            consumer=(consumer.username or consumer.custom_id) if consumer is not None else None,
            consumer_credential=consumer.credential_id if consumer is not None else None,
            # what comes through the gateway is not the gateway's own doing
            workload=None if origin.by_gateway else origin.workload,
        )

    async def record(self, request: web.Request, origin: Origin, rows: int | None) -> None:
        """Writes a read of audit events down. Raises ProblemError 503 where it cannot be: then nothing is shown."""
        assert origin.principal is not None
        dataset = RECORDED_READS[_path(request)]
        event = read_event(origin.principal, dataset, request.query_string, origin.client_address, rows)
        if not await self.publish(event, origin):
            detail = "a read of audit events is itself recorded, and that cannot be done now"
            raise ProblemError(503, "Unavailable", detail, headers={"Retry-After": str(_RETRY_S)})


GUARD: Final = web.AppKey("guard", Guard)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets through what may come through. What matches no route is answered as ever."""
    watch = request.app[GUARD]
    resource = request.match_info.route.resource
    if resource is None:
        return await handler(request)
    path = resource.canonical
    needed = role_of(request.method, path)
    if needed == PUBLIC or not (watch.on or needed == "operator"):
        return await handler(request)
    if not watch.on and not watch.gate.admin_token:
        detail = "set CARBON_STREAM_ADMIN_TOKEN on the service to switch this on"
        raise ProblemError(403, "Switched off", detail)
    origin = await watch.admit(request, needed)
    if not watch.on or path not in RECORDED_READS:
        return await handler(request)
    if path == "/v1/events/stream":  # its answer has no end to wait for
        await watch.record(request, origin, None)
        return await handler(request)
    response = await handler(request)
    await watch.record(request, origin, request.get(ROWS_READ))
    return response


def _path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
