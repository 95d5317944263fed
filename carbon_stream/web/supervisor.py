"""Several processes behind one port (SO_REUSEPORT), kept running by one parent that serves nothing itself.

The kernel spreads connections over the processes. A process that dies is started again, after a pause that grows
while it keeps dying. When the parent goes, however it goes, each child sees its end of a pipe close and stops by
itself; metrics are shared through a folder, so that whichever process is scraped answers for all.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import pkgutil
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final

from carbon_stream.errors import OperatorError
from carbon_stream.observability.exposition import share
from carbon_stream.observability.logging import change_level_on_signals, configure
from carbon_stream.settings import Settings
from carbon_stream.web.server import DRAIN_S, FINISH_S, run

_BACKOFF_S: Final = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_S: Final = 60.0
"""A process that has run so long has proven itself: its next death begins the pauses anew."""
_STOP_S: Final = DRAIN_S + FINISH_S + 10.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    number: int
    process: SpawnProcess
    lifeline: Connection
    since: float
    deaths: int = 0
    due: float = 0.0
    """When to start it again, on the monotonic clock; 0 while it runs."""


def serve_processes(build: str, settings: Settings, processes: int, role: str) -> None:
    """Serve until told to stop: in this process when there is to be one, under a supervisor when there are more."""
    if processes == 1:
        make = pkgutil.resolve_name(build)
        change_level_on_signals(settings.log_level)
        run(lambda: make(settings), settings.http_host, settings.http_port)
    else:
        Supervisor(build, settings, processes, role).run()


class Supervisor:
    """Starts `processes` children that serve an application on the settings' host and port, and keeps them up.

    `build` names the function that makes the application from the settings ("module:function"). It is called in the
    children; the parent never imports it, because that would import the metrics before their folder is there.
    """

    def __init__(self, build: str, settings: Settings, processes: int, role: str = "ingest") -> None:
        self._build, self._settings, self._processes, self._role = build, settings, processes, role
        self._spawn = multiprocessing.get_context("spawn")
        self._children: list[_Child] = []

    def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Supervise until SIGTERM, SIGINT or ``stop()``. Must be the first to import the metrics' library."""
        folder = Path(tempfile.mkdtemp(prefix="carbon-stream-metrics-"))
        stopping: list[int] = []
        before = {
            number: signal.signal(number, lambda received, _: stopping.append(received))
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        before |= {number: signal.signal(number, self._pass_on) for number in (signal.SIGUSR1, signal.SIGUSR2)}
        try:
            share(folder)
            # Held without listening: the port stays ours while every child is down, and a taken port is told at once.
            with _reserve(self._settings.http_host, self._settings.http_port):
                self._children = [self._start(number) for number in range(self._processes)]
                while not stopping and not stop():
                    self._tend()
                    time.sleep(0.1)
                self._stop_all()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            shutil.rmtree(folder, ignore_errors=True)

    def _pass_on(self, received: int, _: object) -> None:
        """The log level is the children's: they do the work."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, received)

    def pids(self) -> list[int]:
        """Process ids of the children that run."""
        return [child.process.pid for child in self._children if child.process.is_alive() and child.process.pid]

    def _start(self, number: int) -> _Child:
        theirs, ours = self._spawn.Pipe(duplex=False)
        process = self._spawn.Process(
            target=_serve, args=(self._build, self._settings, theirs), name=f"{self._role}-{number}"
        )
        process.start()
        theirs.close()
        log.info("%s %d of %d started as process %d", self._role, number + 1, self._processes, process.pid)
        return _Child(number, process, ours, time.monotonic())

    def _tend(self) -> None:
        from carbon_stream.observability import metrics  # only now: its store is chosen when it is imported

        now = time.monotonic()
        for place, child in enumerate(self._children):
            if child.due:
                if now >= child.due:
                    fresh = self._start(child.number)
                    fresh.deaths = child.deaths
                    self._children[place] = fresh
                    metrics.RESTARTS.labels(self._role).inc()
            elif not child.process.is_alive():
                child.deaths = 1 if now - child.since > _STEADY_S else child.deaths + 1
                pause = _BACKOFF_S[min(child.deaths, len(_BACKOFF_S)) - 1]
                child.due = now + pause
                child.lifeline.close()
                log.error(
                    "%s process %s ended with %s; it is started again in %g s",
                    self._role,
                    child.process.pid,
                    _told(child.process.exitcode),
                    pause,
                )

    def _stop_all(self) -> None:
        running = [child for child in self._children if child.process.is_alive()]
        for child in running:
            child.process.terminate()
        until = time.monotonic() + _STOP_S
        for child in running:
            child.process.join(max(0.0, until - time.monotonic()))
            if child.process.is_alive():
                log.error("process %s did not stop in %g s and is killed", child.process.pid, _STOP_S)
                child.process.kill()
                child.process.join()


def _serve(build: str, settings: Settings, lifeline: Connection) -> None:
    """What a child does: serve until told to stop or until the parent is gone."""
    configure(settings.log_level, settings.log_format)
    change_level_on_signals(settings.log_level)

    def stop_when(stop: asyncio.Event) -> None:
        # Nothing is ever written to the pipe: it becomes readable when the parent's end is closed.
        asyncio.get_running_loop().add_reader(lifeline.fileno(), stop.set)

    make = pkgutil.resolve_name(build)
    run(lambda: make(settings), settings.http_host, settings.http_port, reuse_port=True, stop_when=stop_when)


def _reserve(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    reserved = socket.socket(family, kind, protocol)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(address)
    except OSError as error:
        reserved.close()
        raise OperatorError(
            f"HTTP cannot listen on {host}:{port} ({error.strerror or error}): free the port, or set"
            " CARBON_STREAM_HTTP_HOST or CARBON_STREAM_HTTP_PORT"
        ) from error
    return reserved


def _told(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"signal {signal.Signals(-exitcode).name}"
    return f"status {exitcode}"
