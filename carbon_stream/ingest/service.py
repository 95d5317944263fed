"""What ingest is made of, and its life in an application: composed from the settings, started and stopped in order."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from carbon_stream.access.pseudonyms import Pseudonyms, installation_secret
from carbon_stream.contracts import limits as contract_limits
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.enrichment.services import Service, load_services
from carbon_stream.errors import OperatorError
from carbon_stream.ingest.limits import Limits, Room
from carbon_stream.ingest.observer import IngestObserver, Unobserved
from carbon_stream.ingest.origin import OriginReader
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.repeats.admission import Admission
from carbon_stream.ingest.repeats.request_keys import RequestKeys
from carbon_stream.ingest.repeats.shared import SharedFile
from carbon_stream.ingest.repeats.window import Window
from carbon_stream.ingest.scrutiny import Overseer, Unseen
from carbon_stream.ingest.spool.keeping import Spool, SpoolUnusable
from carbon_stream.ingest.spool.slots import Slots
from carbon_stream.settings import Settings

__all__ = ["INGEST", "Ingest", "compose", "context", "origins_of", "pseudonyms_of"]


@dataclass(slots=True)
class Ingest:
    """The parts that a request needs."""

    limits: Limits
    room: Room
    origins: OriginReader
    services: Mapping[str, Service]
    publisher: Publisher
    admission: Admission
    request_keys: RequestKeys
    pseudonyms: Pseudonyms
    slots: Slots | None = None
    """None where there is to be no spool."""
    observer: IngestObserver = field(default_factory=Unobserved)
    overseer: Overseer = field(default_factory=Unseen)
    draining: bool = False
    """Set first when the process is to stop: readiness goes, requests are still served."""

    @property
    def ready(self) -> bool:
        """Whether a load balancer should send requests here."""
        return self.lack is None

    @property
    def lack(self) -> str | None:
        """Why it is not ready; None when it is."""
        return "it is stopping" if self.draining else self.publisher.lack

    async def start(self) -> None:
        """Takes over what is spooled, and begins to connect. Raises OperatorError for a spool that cannot be used."""
        if self.publisher.spool is not None and self.slots is not None:
            try:
                await self.publisher.spool.open()
            except SpoolUnusable as error:
                raise _unusable(error) from error
            self.slots.start(self.publisher.spool, self.publisher)
        await self.admission.start()
        await self.publisher.start()

    async def stop(self, drain_s: float) -> None:
        """Settles what was taken, forwards what is spooled (for so long, where Kafka answers), and ends."""
        self.draining = True
        if self.slots is not None:
            await self.slots.stop(drain_s)
        await self.publisher.close()
        await self.admission.stop()
        if self.publisher.spool is not None and self.slots is not None:
            await self.publisher.spool.close()
            self.slots.release()


INGEST: Final = web.AppKey("ingest", Ingest)


def origins_of(settings: Settings) -> OriginReader:
    """How the origin of requests is read: whom to believe, by address or by identity in the mesh."""
    gateways = frozenset(settings.gateway_identities) if settings.peer_identity == "mesh" else None
    spans = settings.otel_endpoint is not None
    return OriginReader(settings.trusted_networks, gateway_identities=gateways, spans=spans)


def pseudonyms_of(settings: Settings) -> Pseudonyms:
    """What API keys are hashed with: the secret of the settings, else the one of this installation."""
    given = settings.api_key_hash_secret
    if given is not None:
        return Pseudonyms(given.get_secret_value().encode)
    return Pseudonyms(lambda: installation_secret(settings.data_dir))


def compose(settings: Settings, observer: IngestObserver | None = None, overseer: Overseer | None = None) -> Ingest:
    """Ingest as the settings say; call it inside the event loop.

    Raises OperatorError for a bad service catalog and for a spool's directory that cannot be used.
    """
    watched = observer or Unobserved()
    limits = Limits.of(settings)
    room = Room(settings.max_pending_bytes)
    headroom = contract_limits.RECORD_BYTES - contract_limits.EVENT_BYTES
    slots = _slots(settings, watched)
    try:
        spool = slots.claim() if slots is not None else None
    except SpoolUnusable as error:
        raise _unusable(error) from error
    publisher = Publisher(
        settings.kafka_client(),
        [topic.name for topic in TOPICS],
        room=room,
        record_bytes_max=limits.event_bytes + headroom,
        timeout_s=limits.publish_timeout_s,
        spool=spool,
        spool_after_s=settings.spool_after_s,
        observer=watched,
    )
    window = Window(settings.repeat_window_events, settings.repeat_window_s, time.monotonic())
    file = SharedFile(settings.data_dir, events_min=settings.repeat_window_events, seconds=settings.repeat_window_s)
    return Ingest(
        limits=limits,
        room=room,
        origins=origins_of(settings),
        services=load_services(settings.service_catalog),
        publisher=publisher,
        admission=Admission(publisher, window, file),
        request_keys=RequestKeys(file),
        pseudonyms=pseudonyms_of(settings),
        overseer=overseer or Unseen(),
        slots=slots,
        observer=watched,
    )


def _slots(settings: Settings, observer: IngestObserver) -> Slots | None:
    if not settings.spool_max_bytes:
        return None

    def make(directory: Path) -> Spool:
        return Spool(
            directory,
            bytes_max=settings.spool_max_bytes,
            age_max_s=settings.spool_max_age_s,
            observer=observer,
        )

    return Slots(settings.spool_dir or settings.data_dir / "spool", make, observer)


def _unusable(error: SpoolUnusable) -> OperatorError:
    return OperatorError(
        f"{error}: make it writable for this user, set CARBON_STREAM_SPOOL_DIR or CARBON_STREAM_DATA_DIR to a"
        " directory that is, or go without by CARBON_STREAM_SPOOL_MAX_BYTES=0"
    )


def context(
    settings: Settings, observer: IngestObserver | None = None, overseer: Overseer | None = None
) -> Callable[[web.Application], AsyncIterator[None]]:
    """A cleanup context for an application: ingest under INGEST, started, and at the end drained and closed.

    aiohttp ends cleanup contexts after the last request has its answer. To stop gracefully, set `draining` first,
    give load balancers their time, and then clean up the runner.
    """

    async def run(app: web.Application) -> AsyncIterator[None]:
        ingest = app[INGEST] = compose(settings, observer, overseer)
        ingest.pseudonyms.warm()
        await ingest.start()
        yield
        await ingest.stop(settings.publish_timeout_s)

    return run
