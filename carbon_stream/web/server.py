"""Serving an application until it is told to stop, and stopping without losing a request.

On SIGTERM or SIGINT: /readyz answers 503 for a moment, so that load balancers look elsewhere; then the port closes and
requests in work finish; then the parts stop, the producer last with everything flushed.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from carbon_stream.errors import OperatorError
from carbon_stream.web.connections import Runner
from carbon_stream.web.readiness import READINESS

DRAIN_S: Final = 1.0
FINISH_S: Final = 30.0
"""Longest that requests in work are waited for at the end."""
_LINE_BYTES_MAX: Final = 512 << 10
"""Longest request line: four names of 8,192 characters, 12 bytes each when percent-encoded, and some more."""
_FIELD_BYTES_MAX: Final = 16 << 10
"""Longest header."""

log = logging.getLogger(__name__)


def spare_the_collector() -> None:
    """Let the garbage collector look less often: requests and batches are thousands of small objects without cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@asynccontextmanager
async def listening(
    application: web.Application,
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
    finish_s: float = FINISH_S,
) -> AsyncIterator[str]:
    """The application on this address, as long as the context lasts; gives its URL. Port 0 takes a free one."""
    runner = Runner(
        application,
        access_log=None,  # the metrics count requests, and what fails is logged where it fails
        shutdown_timeout=finish_s,
        keepalive_timeout=75.0,
        max_line_size=_LINE_BYTES_MAX,
        max_field_size=_FIELD_BYTES_MAX,
        auto_decompress=False,  # ingest decompresses within its own bounds
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, reuse_port=reuse_port or None, backlog=1_024)
        try:
            await site.start()
        except OSError as error:
            raise OperatorError(
                f"HTTP cannot listen on {host}:{port} ({error.strerror or error}): free the port, or set"
                " CARBON_STREAM_HTTP_HOST or CARBON_STREAM_HTTP_PORT"
            ) from error
        bound = runner.addresses[0]
        yield f"http://{_in_url(bound[0])}:{bound[1]}"
    finally:
        await runner.cleanup()


async def serve(
    application: web.Application,
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
    drain_s: float = DRAIN_S,
    stop: asyncio.Event | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or ``stop``; ``started`` is told the URL once the port is open."""
    until = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
    try:
        async with listening(application, host, port, reuse_port=reuse_port) as url:
            log.info("listening on %s", url)
            if started is not None:
                started(url)
            await until.wait()
            log.info("stopping: not ready any more, closing in %g s", drain_s)
            application[READINESS].drain()
            await asyncio.sleep(drain_s)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def run(
    application: Callable[[], web.Application],
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
    stop_when: Callable[[asyncio.Event], None] | None = None,
) -> None:
    """Serve in an event loop of its own; ``stop_when`` may arrange for the stop event to be set."""
    import uvloop

    async def main() -> None:
        stop = asyncio.Event()
        if stop_when is not None:
            stop_when(stop)
        built = application()
        spare_the_collector()
        await serve(built, host, port, reuse_port=reuse_port, stop=stop)

    uvloop.run(main())


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
