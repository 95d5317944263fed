"""The Faust app: composition only. `faust -A carbon_stream.app worker` or `carbon-stream worker` starts it.

Tables and agents are packages beside this one, found by name: without them a worker would run and do nothing, so a
failure to find them is fatal.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from faust.app.base import BootStrategy

from carbon_stream.bootstrap.topics.desired import CHANGELOG_MAX_BYTES
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.names import APP_ID, DEAD_LETTERS
from carbon_stream.delivery.deliverer import Deliverer
from carbon_stream.errors import OperatorError
from carbon_stream.ingest.service import pseudonyms_of
from carbon_stream.observability.rules import DeliveryMetrics, RuleMetrics
from carbon_stream.observability.streaming import StreamingMetrics
from carbon_stream.observability.tracing import spans_of
from carbon_stream.reloading import Reloading
from carbon_stream.rules.engine import Engine
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.reading import load
from carbon_stream.settings import Settings
from carbon_stream.streaming.app import App
from carbon_stream.worker import Http, Topics, Worker

TOPOLOGY = ("tables", "agents")


class MissingTopology(OperatorError):
    """The packages `tables` and `agents` cannot be imported."""


class Boot(BootStrategy):
    """HTTP is up first, in place of Faust's own web; then the topics are there; then they are read."""

    enable_kafka_producer = False  # nothing is sent through Faust: stages and ingest have producers of their own

    def sensors(self) -> Iterable[Any]:
        """What starts first and stops last."""
        http = [Http(app, settings)] if self._should_enable_web() else []
        deliverer = Deliverer(rules.rules, settings.kafka_client(), rules_hosts, DeliveryMetrics())
        reloading = Reloading(rules, settings, deliverer.use)
        return [*super().sensors(), *http, Topics(settings), deliverer, reloading]

    def web_server(self) -> Iterable[Any]:
        """Faust's own web stays away."""
        return []


class CarbonStream(App):
    """Our app."""

    BootStrategy = Boot


settings = Settings.load()
rules_hosts = Hosts(settings.rules_hosts)
rules = Engine(load(settings.rules, rules_hosts), RuleMetrics(), pseudonyms_of(settings).apply)
"""The routing rules in force: agents hand events over to them."""

app = CarbonStream(
    APP_ID,
    kafka=settings.kafka_client(),
    dead_letters=DEAD_LETTERS,
    observer=StreamingMetrics({topic.name: topic.event_type for topic in TOPICS}),
    tracing=spans_of(settings),
    writes_previous_formats=settings.row_formats == "previous",
    row_bytes_max=CHANGELOG_MAX_BYTES - 64 * 1024,
    Worker=Worker,
    broker_session_timeout=settings.session_timeout_ms / 1000,
    consumer_group_instance_id=settings.instance_id or "",
    # A member that comes back under its name is given what it had, and is expected at the address that it had.
    canonical_url=f"http://{settings.instance_id}" if settings.instance_id else None,
    store=f"{settings.store}://",
    datadir=settings.data_dir / "faust",
    web_bind=settings.http_host,
    web_port=settings.http_port,
)


def _topology() -> None:
    for package in TOPOLOGY:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingTopology(
                f"the package {package!r}, which says what is folded into what, cannot be imported ({error}): start"
                " this in the project's folder or in its image, where tables/ and agents/ lie beside it"
            ) from error


_topology()
