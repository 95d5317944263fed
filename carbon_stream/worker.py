"""What a worker runs beside its agents, and how it is started: topics first, HTTP before tables are ready."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

import faust
from mode import Service

from carbon_stream.bootstrap.topics.apply import ensure_topics
from carbon_stream.errors import OperatorError
from carbon_stream.observability.logging import configure, tell_level
from carbon_stream.settings import Settings
from carbon_stream.streaming.app import App
from carbon_stream.streaming.exclusive import DirectoryInUse
from carbon_stream.web.application import whole_application
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.server import DRAIN_S, listening, spare_the_collector

log = logging.getLogger(__name__)

TOPICS_RETRY_S = 2.0


class Http(Service):
    """The whole HTTP application, from before the broker is reached until after the last partition is let go."""

    def __init__(self, app: faust.App, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app, self.settings = app, settings
        self._open = AsyncExitStack()
        self._readiness: Readiness | None = None

    async def on_start(self) -> None:
        """Open the port; Faust's own `--web-port` and `--web-bind` go before the settings."""
        application = whole_application(self.settings)
        self._readiness = application[READINESS]
        host, port = self.app.conf.web_bind, self.app.conf.web_port
        url = await self._open.enter_async_context(listening(application, host, port))
        log.info("listening on %s", url)

    async def on_stop(self) -> None:
        """Not ready any more, while everything else still answers; then finish what is in work and close the port."""
        if self._readiness is not None:
            self._readiness.drain()
            await asyncio.sleep(DRAIN_S)
        await self._open.aclose()


class Topics(Service):
    """Topics are created before anything reads them. Waits for Kafka as long as it takes, and says so."""

    def __init__(self, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    async def on_start(self) -> None:
        """Create what is missing; drift is told, never mended here (`carbon-stream bootstrap apply topics`)."""
        while not self.should_stop:
            try:
                await ensure_topics(self.settings, say=log.info)
                return
            except OperatorError as error:
                log.warning("waiting for the topics: %s", error)
                await self.sleep(TOPICS_RETRY_S)


class Worker(faust.Worker):
    """Faust's worker with our logs: its own would put records on standard output in a format of their own."""

    def _setup_logging(self) -> None:
        settings = Settings.load()
        configure(settings.log_level, settings.log_format)
        self._log_level = settings.log_level

    def _on_sigusr1(self) -> None:
        """Log everything, in place of Faust's own traceback of what blocks."""
        tell_level("DEBUG")

    def _on_sigusr2(self) -> None:
        """Log as the settings say again, in place of a debugger, which would stop the worker."""
        tell_level(self._log_level)


def run(app: App) -> None:
    """Run a worker until it is told to stop; exits the process with its status."""
    import mode.loop

    mode.loop.use("uvloop")
    app.finalize()
    try:
        app.claim()
    except DirectoryInUse as error:
        raise OperatorError(f"{error} (CARBON_STREAM_DATA_DIR)") from None
    spare_the_collector()
    Worker(app, quiet=True, redirect_stdouts=False).execute_from_commandline()
