"""`carbon-stream dev`: broker, service and demo started in order, watched, and stopped in reverse.

Every child sits behind a guard, so that even kill -9 of this process leaves nothing behind. Nothing is restarted: a
child that ends says why, and takes the rest along with exit status 1.
"""

from __future__ import annotations

import http.client
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from carbon_stream.errors import OperatorError
from carbon_stream.local import ports, probe
from carbon_stream.local.child import Child, Console
from carbon_stream.local.kafka import LocalKafka
from carbon_stream.local.properties import HOST

__all__ = ["DevOptions", "run"]

_LOOK_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Together under 15 s. A demo has nothing to lose, a service gives its partitions back, a broker moves leaders.
_GRACE_S = {"demo": 2.0, "service": 8.0}
_KAFKA_GRACE_S = 4.0
_KAFKA_WAIT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class DevOptions:
    """What to run.

    `service` and `demo` are commands; each gets KAFKA_BOOTSTRAP_SERVERS, CARBON_STREAM_HTTP_PORT and `environment`.
    `kafka` (host:port,…) is a broker that is there already; without it one is started in `data_dir` on `kafka_port`.
    `banner` makes the text that is shown once the service is ready from the brokers' address.
    """

    service: Sequence[str]
    data_dir: Path
    demo: Sequence[str] | None = None
    kafka: str | None = None
    kafka_port: int = 9092
    http_port: int = 8080
    banner: Callable[[str], str] = lambda _: ""
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 60.0


class _StopAsked(BaseException):
    """A signal asked us to end; raised in the main thread wherever it happens to be."""


class _DevError(OperatorError):
    """A part did not come up, or ended by itself."""


def run(options: DevOptions, console: Console | None = None) -> int:
    """Runs until Ctrl-C, SIGTERM or SIGHUP (exit status 0), or until something fails (exit status 1).

    A second signal while stopping stops hard. To be called from the main thread.
    """
    return _Dev(options, console or Console()).run()


class _Dev:
    def __init__(self, options: DevOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._kafka: LocalKafka | None = None
        self._children: list[Child] = []
        self._is_stopping = False

    def run(self) -> int:
        status = 1
        with self._signals(), self._console.logging("carbon_stream.local", logging.INFO):
            try:
                self._start()
                self._watch()
            except _StopAsked:
                status = 0
            except OperatorError as error:
                self._console.say(str(error))
            finally:
                self._is_stopping = True
                self._stop()
        return status

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {signum: signal.signal(signum, self._on_signal) for signum in _SIGNALS}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            raise _StopAsked
        # The second time: whoever asks has no patience left, and a crash loses nothing.
        pids = [*(child.pid for child in self._children), *(self._kafka.pids.values() if self._kafka else ())]
        for pid in pids:
            with suppress(ProcessLookupError):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)

    def _start(self) -> None:
        options, began = self._options, time.monotonic()
        ports.check_free(options.http_port, "stop what holds it, or choose another port (CARBON_STREAM_HTTP_PORT)")
        servers = self._start_kafka()
        environment = self._environment(servers)
        service = self._start_child("service", options.service, environment)
        self._wait_until_ready(service)
        self._console.say(f"ready after {time.monotonic() - began:.1f} s")
        if options.demo is not None:
            self._start_child("demo", options.demo, environment)
        self._console.write(options.banner(servers))

    def _start_kafka(self) -> str:
        options = self._options
        if options.kafka is not None:
            self._console.say(f"using the Kafka at {options.kafka}")
            _wait_for_kafka(options.kafka)
            return options.kafka
        self._console.say(f"starting Kafka, its data and log in {options.data_dir}")
        self._kafka = LocalKafka(options.data_dir, port=options.kafka_port)
        self._kafka.start()
        self._console.say(f"Kafka answers at {self._kafka.bootstrap_servers}")
        return self._kafka.bootstrap_servers

    def _environment(self, servers: str) -> dict[str, str]:
        inherited = dict(os.environ)
        if self._kafka is not None:  # credentials of some other broker would only confuse this one
            for name in list(inherited):
                if name.startswith(("KAFKA_SASL_", "KAFKA_SSL_", "KAFKA_SECURITY_")):
                    del inherited[name]
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "CARBON_STREAM_HTTP_PORT": str(self._options.http_port),
            **self._options.environment,
        }

    def _start_child(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        self._console.say(f"starting the {name}")
        child = Child(name, command, environment, self._console)
        self._children.append(child)
        return child

    def _wait_until_ready(self, service: Child) -> None:
        deadline = time.monotonic() + self._options.ready_timeout_s
        while (answer := _ready(self._options.http_port)) is not None:
            self._check()
            if time.monotonic() > deadline:
                raise _DevError(
                    f"the {service.name} was not ready within {self._options.ready_timeout_s:.0f} s:"
                    f" http://{HOST}:{self._options.http_port}/readyz {answer}"
                )
            time.sleep(_LOOK_S)

    def _watch(self) -> NoReturn:
        while True:
            self._check()
            time.sleep(_LOOK_S)

    def _check(self) -> None:
        """Raises when a part has ended by itself. A demo that came to its end is no failure."""
        if self._kafka is not None:
            self._kafka.check_alive()
        for child in list(self._children):
            status = child.poll()
            if status is None:
                continue
            self._children.remove(child)
            child.close(0)
            if child.name == "demo" and status == 0:
                self._console.say("the demo has come to its end")
            else:
                raise _DevError(f"the {child.name} ended by itself {_why(status)}: stopping everything")

    def _stop(self) -> None:
        for child in reversed(self._children):
            self._console.say(f"stopping the {child.name}")
            child.close(_GRACE_S[child.name])
        self._children.clear()
        if self._kafka is not None and self._kafka.pids:
            self._console.say("stopping Kafka")
            self._kafka.stop(_KAFKA_GRACE_S)


def _why(status: int) -> str:
    if status <= 128:
        return f"with exit status {status}"
    with suppress(ValueError):
        return f"by {signal.Signals(status - 128).name}"
    return f"with exit status {status}"


def _ready(port: int) -> str | None:
    """None when /readyz answers 200, else what it answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(2_000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer ({type(error).__name__})"
    finally:
        connection.close()
    return None if response.status == 200 else f"answers {response.status}: {body}"


def _wait_for_kafka(servers: str) -> None:
    """Raises when nothing listens at any of the addresses. What listens may want TLS, so nothing more is asked."""
    deadline = time.monotonic() + _KAFKA_WAIT_S
    while not any(probe.listens(*address) for address in _addresses(servers)):
        if time.monotonic() > deadline:
            raise _DevError(f"nothing answers at {servers}: is that Kafka running, and the address right?")
        time.sleep(_LOOK_S)


def _addresses(servers: str) -> list[tuple[str, int]]:
    pairs = [server.strip().rpartition(":") for server in servers.split(",") if server.strip()]
    if not pairs or not all(host and port.isdigit() and 0 < int(port) <= 65_535 for host, _, port in pairs):
        raise _DevError(f"{servers!r} is not HOST:PORT, for example localhost:9092")
    return [(host.strip("[]"), int(port)) for host, _, port in pairs]
