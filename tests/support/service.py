"""The whole service as its users run it: worker processes on free ports, over a broker of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

import orjson

from carbon_stream.local import LocalKafka
from carbon_stream.local.ports import free_ports
from tests.support.processes import stop_all

READY_S_MAX = 120.0
WORKER = (sys.executable, "-m", "carbon_stream.cli", "worker")
ROOT = Path(__file__).parents[2]


class Service:
    """Workers by number, each with HTTP on a port of its own. Everything is stopped by process id."""

    def __init__(self, kafka: LocalKafka, folder: Path, environment: Mapping[str, str]) -> None:
        self.kafka, self.folder, self.environment = kafka, folder, environment
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.ports: dict[int, int] = {}

    def start(self, number: int = 1, command: Sequence[str] = WORKER, **more: str) -> None:
        """Start a worker, or another command of the service; the same number comes back on the same port."""
        port = self.ports.setdefault(number, free_ports(1)[0])
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))},
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "CARBON_STREAM_HTTP_PORT": str(port),
            "CARBON_STREAM_DATA_DIR": str(self.folder / f"data-{number}"),
            "CARBON_STREAM_SESSION_TIMEOUT_MS": "6000",
            "CARBON_STREAM_SPOOL_AFTER_S": "60",  # a busy machine's acknowledgements take their time
            **self.environment,
            **more,
        }
        with (self.folder / f"worker-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def url(self, number: int = 1) -> str:
        return f"http://127.0.0.1:{self.ports[number]}"

    def get(self, path: str, number: int = 1, **query: Any) -> Any:
        """The answer's JSON; an error status raises HTTPError."""
        return orjson.loads(self._read(self.url(number) + path + (f"?{urlencode(query)}" if query else "")))

    def text(self, path: str, number: int = 1) -> str:
        return self._read(self.url(number) + path).decode()

    def _read(self, url: str) -> bytes:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            error.close()  # an error is an open answer; whoever catches it wants its status only
            raise

    def post(self, events: Any, number: int = 1) -> Any:
        """Post events; returns the reply of any status that has receipts."""
        body = orjson.dumps(events)
        request = urllib.request.Request(
            self.url(number) + "/v1/events", body, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return orjson.loads(answer.read())
        except HTTPError as error:
            with error:
                return orjson.loads(error.read())

    def wait_ready(self, number: int = 1) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            assert self.processes[number].poll() is None, self.logs()
            try:
                self.get("/readyz", number)
                return
            except (URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"not ready after {READY_S_MAX} s\n{self.logs()}")

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def signal(self, number: int, what: signal.Signals) -> None:
        self.processes[number].send_signal(what)

    def stop(self) -> None:
        stop_all(self.processes.values(), 30)

    def log(self, number: int) -> str:
        return (self.folder / f"worker-{number}.log").read_text(errors="replace")

    def logs(self) -> str:
        return "\n".join(p.read_text(errors="replace")[-6000:] for p in sorted(self.folder.glob("worker-*.log")))
