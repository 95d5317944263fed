"""Access control as the settings say: which ways are open, what is watched meanwhile, what is said of it at start."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address

from aiohttp import web

from carbon_stream.access.entries import NOBODY
from carbon_stream.access.gate import Gate, Tokens
from carbon_stream.access.jwks import Jwks
from carbon_stream.access.rate import Buckets
from carbon_stream.access.tokens import TokenRules
from carbon_stream.access.watching import AccessFile
from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.enrichment.services import load_services
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.own_events import OwnEvents
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.service import INGEST, origins_of
from carbon_stream.observability import metrics
from carbon_stream.settings import Settings, SettingsError
from carbon_stream.web.guard import GUARD, Guard
from carbon_stream.web.security_log import SecurityLog

__all__ = ["Access"]

_ROOM_BYTES = 16 << 20
_TOPICS = tuple(BY_EVENT_TYPE[name].name for name in ("SecurityEvent", "AuditDataAccessEvent"))

log = logging.getLogger(__name__)


class Access:
    """Made before an application's parts, `watch`ed last: its own events go through the parts' publisher.

    Raises OperatorError for settings or an access file that cannot be used.
    """

    def __init__(self, application: web.Application, settings: Settings) -> None:
        _check_chosen(settings)
        self._application, self._settings = application, settings
        self._on = bool(settings.access_ways)
        self._file = self._load_file()
        self._jwks = self._make_jwks()
        self._publisher: Publisher | None = None
        self._events = OwnEvents(self._publishing, load_services(settings.service_catalog), _count_unrecorded)
        buckets = Buckets()
        self.log = SecurityLog(self._events.note if self._on else lambda _event, _origin: None, buckets)
        application[GUARD] = Guard(
            self._on, self._gate(), origins_of(settings), buckets, self.log, self._events.publish
        )

    def watch(self) -> Callable[[web.Application], AsyncIterator[None]]:
        """A cleanup context, to be the last one: files and key sets are kept fresh, own events are published."""

        async def run(application: web.Application) -> AsyncIterator[None]:
            self._say()
            async with AsyncExitStack() as stack:
                if self._on and INGEST not in application:
                    self._publisher = self._own_publisher()
                    await self._publisher.start()
                    stack.push_async_callback(self._publisher.close)
                for part in (self._file, self._jwks):
                    if part is not None:
                        await part.start()
                        stack.push_async_callback(part.stop)
                await self._events.start()
                stack.push_async_callback(self._events.close)
                yield

        return run

    def _gate(self) -> Gate:
        settings, ways = self._settings, self._settings.access_ways
        token = settings.admin_token
        rules = TokenRules(
            settings.jwt_audience, settings.jwt_issuer, settings.jwt_lifetime_max_s, settings.jwt_roles_claim
        )
        file = self._file
        return Gate(
            keys="keys" in ways,
            gateway="gateway" in ways,
            mesh="mesh" in ways,
            tokens=Tokens(rules, self._jwks) if self._jwks is not None else None,
            admin_token=token.get_secret_value() if token is not None else "",
            known=(lambda: file.known) if file is not None else (lambda: NOBODY),
        )

    def _load_file(self) -> AccessFile | None:
        path = self._settings.access_file
        if path is None or not {"keys", "gateway", "mesh"} & self._settings.access_ways:
            return None
        file = AccessFile(path, on_reload=_count_reload)
        file.load()
        return file

    def _make_jwks(self) -> Jwks | None:
        location = self._settings.jwt_jwks
        if location is None or "jwt" not in self._settings.access_ways:
            return None
        return Jwks(location, ca=self._settings.jwt_jwks_ca, on_reload=_count_reload)

    def _publishing(self) -> Publisher:
        ingest = self._application.get(INGEST)
        if ingest is not None:
            return ingest.publisher
        assert self._publisher is not None
        return self._publisher

    def _own_publisher(self) -> Publisher:
        """For a process that takes no events: a small one, for what it has to write down itself."""
        return Publisher(
            self._settings.kafka_client(),
            _TOPICS,
            room=Room(_ROOM_BYTES),
            record_bytes_max=limits.RECORD_BYTES,
            timeout_s=self._settings.publish_timeout_s,
        )

    def _say(self) -> None:
        if self._on:
            log.info("access control is on: %s", ", ".join(sorted(self._settings.access_ways)))
        else:
            log.warning(
                "access control is off: whoever reaches %s:%d may send and read everything (CARBON_STREAM_ACCESS)",
                self._settings.http_host,
                self._settings.http_port,
            )


def _check_chosen(settings: Settings) -> None:
    if settings.access or _is_local(settings.http_host):
        return
    raise SettingsError(
        f"HTTP is to listen on {settings.http_host}, which others can reach: say with CARBON_STREAM_ACCESS how callers"
        " show who they are (keys, gateway, mesh, jwt), or off to let everybody send and read everything"
    )


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _count_reload(what: str, well: bool) -> None:
    metrics.ACCESS_RELOADS.labels(what, "ok" if well else "failed").inc()


def _count_unrecorded(topic: str) -> None:
    metrics.UNRECORDED.labels(topic).inc()
