"""Puts the HTTP application together from its parts: ingest, queries, or both.

Each part adds its routes, what they find in the application, what must hold before it is ready, and its start and stop
as a cleanup context. Parts start in the order below and stop in the reverse one. None of them waits for Kafka to
start: HTTP answers at once, and /readyz says what is missing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from carbon_stream.dead_letters.reader import DeadLetterReader
from carbon_stream.dead_letters.replay import Replayer
from carbon_stream.ingest import routes as ingest_routes
from carbon_stream.ingest import service as ingest_service
from carbon_stream.ingest.origin import TRACE, parse_traceparent
from carbon_stream.ingest.service import INGEST, pseudonyms_of
from carbon_stream.live import routes as live
from carbon_stream.live.hub import Hub
from carbon_stream.observability import counting, metrics
from carbon_stream.observability.tracing import NoSpans, Spans, spans_of
from carbon_stream.query import answers, audit, datasets, flow, health, lineage, story
from carbon_stream.query.audit_events import AuditEvents
from carbon_stream.query.consumer_pool import ConsumerPool
from carbon_stream.query.loaded import as_of_when_loaded
from carbon_stream.settings import Settings
from carbon_stream.views.audit import AuditView
from carbon_stream.views.datasets import AccessView, DatasetsView
from carbon_stream.views.flow import Flow
from carbon_stream.views.freshness import Freshness
from carbon_stream.views.health import HealthView
from carbon_stream.views.lineage import LineageView
from carbon_stream.views.reader import ChangelogReader, View
from carbon_stream.web import catalog_routes, dead_letters, index, log_level, openapi, status
from carbon_stream.web.access_setup import Access
from carbon_stream.web.answering import answered, route_of
from carbon_stream.web.certificates import show_certificates
from carbon_stream.web.console import routes as console
from carbon_stream.web.guard import guard
from carbon_stream.web.ingest_metrics import IngestMetrics, show_spool
from carbon_stream.web.platform_metrics import Platform, platform_metrics
from carbon_stream.web.problems import put_headers
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.topic_facts import TopicFacts
from carbon_stream.web.topic_metrics import topic_metrics
from carbon_stream.web.view_metrics import ViewMetrics

_GAUGES_EVERY_S: Final = 1.0
_STREAMS_CATCHING_UP: Final = 4
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
SPANS: Final[web.AppKey[Spans]] = web.AppKey("spans")

Start = Callable[[], Awaitable[object]]


def ingest_application(settings: Settings) -> web.Application:
    """Takes events in; no queries, so it holds no rows."""
    application, access = _bare(settings)
    _add_ingest(application, settings, access)
    _add_catalog(application, settings)
    return _described(application, access)


def query_application(settings: Settings) -> web.Application:
    """Answers queries from its own views; takes no events."""
    application, access = _bare(settings)
    _add_queries(application, settings)
    _add_live_tail(application, settings)
    _add_console(application)
    _add_dead_letters(application, settings)
    _add_catalog(application, settings)
    return _described(application, access)


def whole_application(settings: Settings) -> web.Application:
    """Everything in one process."""
    application, access = _bare(settings)
    _add_ingest(application, settings, access)
    _add_queries(application, settings)
    _add_live_tail(application, settings)
    _add_console(application)
    _add_dead_letters(application, settings)
    _add_catalog(application, settings)
    return _described(application, access)


def _bare(settings: Settings) -> tuple[web.Application, Access]:
    spans = spans_of(settings)
    tracing = [] if isinstance(spans, NoSpans) else [_traced]
    middlewares = [*tracing, answered, guard]
    application = web.Application(middlewares=middlewares, client_max_size=settings.max_body_bytes)
    application[READINESS] = Readiness()
    application[SPANS] = spans
    application.add_routes(status.routes())
    application.cleanup_ctx.append(_gauges)
    application.cleanup_ctx.append(_each_second(log_level.put(application, settings.log_level).look))
    show_certificates(settings)
    return application, Access(application, settings)


def _add_ingest(application: web.Application, settings: Settings, access: Access) -> None:
    application.add_routes(ingest_routes.routes())
    application.cleanup_ctx.append(ingest_service.context(settings, IngestMetrics(), access.log))

    def lack() -> str | None:
        ingest = application.get(INGEST)
        return "it has not started" if ingest is None else ingest.lack

    application[READINESS].require("ingest", lack)
    application.cleanup_ctx.append(_each_second(lambda: metrics.INFLIGHT.set(application[INGEST].room.used)))
    application.cleanup_ctx.append(_each_second(lambda: show_spool(application[INGEST])))


def _add_queries(application: web.Application, settings: Settings) -> None:
    kafka = settings.kafka_client()
    freshness = Freshness(kafka)
    application[audit.AUDIT_VIEW] = audit_view = AuditView()
    application[audit.AUDIT_EVENTS] = audit_events = AuditEvents(kafka, hide=pseudonyms_of(settings).apply)
    application[health.HEALTH_VIEW] = health_view = HealthView()
    application[lineage.LINEAGE_VIEW] = lineage_view = LineageView()
    application[datasets.DATASETS_VIEW] = datasets_view = DatasetsView()
    application[datasets.ACCESS_VIEW] = access_view = AccessView()
    views: list[View] = [audit_view, health_view, lineage_view, datasets_view, access_view, *freshness.views]
    spans = application[SPANS]
    on_traces = None if isinstance(spans, NoSpans) else spans.shown
    reader = ChangelogReader(kafka, views, on_seen=counting.observe_view, on_traces=on_traces)
    application[answers.AS_OF] = as_of_when_loaded(reader, freshness)
    application[story.STORIES] = stories = story.Stories(kafka, hide=pseudonyms_of(settings).apply)
    application[flow.FLOW] = sampled = Flow(freshness)
    for part in (audit, health, lineage, datasets, flow, story):
        application.add_routes(part.routes())
    application[READINESS].require("views", lambda: None if reader.ready.is_set() else "the views are being loaded")
    application.cleanup_ctx.append(_lasting(reader.start, reader.stop))
    application.cleanup_ctx.append(_lasting(freshness.start, freshness.stop))
    application.cleanup_ctx.append(_lasting(_nothing, audit_events.close))
    application.cleanup_ctx.append(_lasting(_nothing, stories.close))
    application.cleanup_ctx.append(_each_second(lambda: sampled.sample(time.time())))
    # where events are taken in, the producer knows of the brokers; else whoever watches the topics does
    shown = ViewMetrics(reader, freshness, health_view, tells_of_kafka="ingest" not in application[READINESS].names())
    application.cleanup_ctx.append(_each_second(shown.show))
    application.cleanup_ctx.append(topic_metrics(kafka, settings.app_id))
    platform = Platform(audit_view, health_view, datasets_view, lineage_view, freshness, settings.metrics_names)
    application.cleanup_ctx.append(platform_metrics(platform, reader.ready))


def _add_live_tail(application: web.Application, settings: Settings) -> None:
    kafka = settings.kafka_client()
    application[live.PUT_HEADERS] = put_headers
    application[live.HUB] = hub = Hub(
        kafka,
        readers_max=settings.live_readers_max,
        reader_events_max=settings.live_reader_events_max,
        hide=pseudonyms_of(settings).apply,
    )
    application[live.POOL] = pool = ConsumerPool(kafka, _STREAMS_CATCHING_UP)
    application.add_routes(live.routes())

    async def end_streams(_: web.Application) -> None:
        await hub.close()

    application.on_shutdown.append(end_streams)  # before requests in work are waited for: these would not end
    application.cleanup_ctx.append(_lasting(_nothing, pool.close))
    application.cleanup_ctx.append(_each_second(lambda: metrics.LIVE_READERS.set(len(hub.readers))))


def _add_console(application: web.Application) -> None:
    application[index.HAS_CONSOLE] = True
    application.add_routes(console.routes())


def _add_dead_letters(application: web.Application, settings: Settings) -> None:
    reader = DeadLetterReader(settings.kafka_client())
    application[dead_letters.READER] = reader
    application[dead_letters.REPLAYER] = Replayer(settings.kafka_client(), reader)
    application.add_routes(dead_letters.routes())


def _add_catalog(application: web.Application, settings: Settings) -> None:
    application[catalog_routes.TOPIC_FACTS] = TopicFacts(settings.kafka_client(), settings.app_id)
    application.add_routes(catalog_routes.routes())


def _described(application: web.Application, access: Access) -> web.Application:
    """Last of all: the documents tell of the routes that are there, and of who may call them."""
    application.cleanup_ctx.append(access.watch())
    application.cleanup_ctx.append(_each_second(access.log.flush))
    application.add_routes([*openapi.routes(), *index.routes()])
    application[openapi.DOCUMENT] = openapi.document(application)
    return application


@web.middleware
async def _traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost one, where spans are exported."""
    route = route_of(request)
    if route in _PROBES:
        return await handler(request)
    with request.app[SPANS].request(request.method, request.headers) as span:
        if span.traceparent is not None and (trace := parse_traceparent(span.traceparent)) is not None:
            request[TRACE] = trace
        response = await handler(request)
        span.answered(route, response.status)
    return response


def _lasting(start: Start, stop: Start) -> Callable[[web.Application], AsyncIterator[None]]:
    """A part's start and stop as an aiohttp cleanup context."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        await start()
        yield
        await stop()

    return context


async def _nothing() -> None:
    """Nothing is to be started."""


def _each_second(update: Callable[[], None]) -> Callable[[web.Application], AsyncIterator[None]]:
    """A small update, repeated as long as the application runs."""

    async def repeat() -> None:
        while True:
            update()
            await asyncio.sleep(_GAUGES_EVERY_S)

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(repeat(), name="gauges")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context


def _gauges(application: web.Application) -> AsyncIterator[None]:
    readiness = application[READINESS]
    return _each_second(lambda: status.publish_readiness(readiness))(application)
