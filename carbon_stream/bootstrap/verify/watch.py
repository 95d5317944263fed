"""Verifying again and again, for a Prometheus that scrapes the outcome."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiohttp import web

from carbon_stream.bootstrap.verify.check import Check
from carbon_stream.bootstrap.verify.run import Target, verify
from carbon_stream.errors import OperatorError
from carbon_stream.observability.exposition import CONTENT_TYPE, exposition
from carbon_stream.settings import Settings

__all__ = ["watch"]

_log = logging.getLogger(__name__)


async def watch(settings: Settings, target: Target, areas: Sequence[str], every_s: float) -> None:
    """Checks every `every_s` seconds until SIGTERM or SIGINT; /metrics and /healthz meanwhile."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = web.Application()
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _healthz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
    except OSError as error:
        raise OperatorError(f"port {settings.http_port} cannot be listened on: {error.strerror}") from error
    before: Mapping[tuple[str, str], Check] = {}
    try:
        while not stop.is_set():
            checks = {(check.area, check.name): check for check in await verify(settings, target, areas)}
            for key, check in checks.items():
                if key not in before or before[key].status != check.status:
                    level = logging.INFO if check.status == "passed" else logging.WARNING
                    told = "; ".join(check.details[:3])
                    _log.log(level, "%s: %s: %s, %s%s", *key, check.status, check.seen, told and f": {told}")
            before = checks
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
    finally:
        await runner.cleanup()


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE})
