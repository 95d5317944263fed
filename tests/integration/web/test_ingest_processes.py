"""Several ingest processes behind one port: one that dies comes back, metrics add up, and none outlives its parent."""

import contextlib
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from uuid import uuid4

import orjson
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from carbon_stream.contracts.exports import example
from carbon_stream.local import LocalKafka

Start = Callable[[int], "Processes"]
ADMIN = "an-admin-token-of-the-tests"
AS_SET = "as the settings say"


class Processes:
    """`carbon-stream ingest --processes N` on a port."""

    def __init__(self, servers: str, port: int, number: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "ingest.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))},
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "CARBON_STREAM_HTTP_PORT": str(port),
            "CARBON_STREAM_DATA_DIR": str(folder),
            "CARBON_STREAM_ADMIN_TOKEN": ADMIN,
            "CARBON_STREAM_SPOOL_AFTER_S": "60",  # a busy machine's acknowledgements take their time
            "TMPDIR": str(folder),
        }
        command = [sys.executable, "-m", "carbon_stream.cli", "ingest", "--processes", str(number)]
        with self.log.open("wb") as log:
            self.parent = psutil.Popen(command, env=environment, stdout=log, stderr=log)
        self.number = number

    def children(self) -> list[psutil.Process]:
        """Those that serve (multiprocessing has a helper of its own beside them)."""
        serving = []
        for child in self.parent.children():
            with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                if "spawn_main" in " ".join(child.cmdline()):
                    serving.append(child)
        return serving

    def wait_ready(self) -> None:
        self.until(lambda: len(self.children()) == self.number and self.ready())

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                return True
        except (URLError, OSError, HTTPException):
            return False

    def until(self, holds: Callable[[], bool], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def post(self) -> int:
        request = urllib.request.Request(
            f"{self.url}/v1/events",
            orjson.dumps({**example("AuditUserActionEvent"), "eventId": str(uuid4())}),
            {"Content-Type": "application/json", "Connection": "close"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)

    def log_level(self, level: str | None = None) -> str:
        """The level of whichever process answers; changed first, if one is given."""
        headers = {"Content-Type": "application/json", "Connection": "close", "Authorization": f"Bearer {ADMIN}"}
        body = None if level is None else orjson.dumps({"level": None if level == AS_SET else level})
        request = urllib.request.Request(
            f"{self.url}/v1/log-level", body, headers, method="GET" if body is None else "PUT"
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(orjson.loads(answer.read())["level"])

    def metric(self, name: str, **labels: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [*self.parent.children(recursive=True), self.parent]:
                process.kill()
        self.parent.wait()


@pytest.fixture
def start(platform: LocalKafka, free_port: int, tmp_path: Path) -> Iterator[Start]:
    started: list[Processes] = []

    def begin(number: int) -> Processes:
        started.append(Processes(platform.bootstrap_servers, free_port, number, tmp_path))
        return started[-1]

    yield begin
    for processes in started:
        processes.stop()


def accepted(processes: Processes) -> float:
    return processes.metric("carbon_stream_events_total", path="http", result="accepted")


def test_a_killed_process_is_started_again_and_what_it_counted_stays_counted(start: Start, tmp_path: Path) -> None:
    processes = start(2)
    processes.wait_ready()
    assert all(processes.post() == 202 for _ in range(20))
    assert {accepted(processes) for _ in range(5)} == {20}  # whichever process answers

    before = {child.pid for child in processes.children()}
    processes.children()[0].send_signal(signal.SIGKILL)
    processes.until(lambda: len({child.pid for child in processes.children()} - before) == 1)
    processes.until(lambda: processes.metric("carbon_stream_process_restarts_total", process="ingest") == 1)
    processes.wait_ready()
    assert all(processes.post() == 202 for _ in range(20))
    assert accepted(processes) == 40
    assert "ended with signal SIGKILL" in processes.log.read_text()
    stops_cleanly(processes, tmp_path)


def test_no_process_outlives_a_parent_that_is_killed(start: Start) -> None:
    processes = start(2)
    processes.wait_ready()
    children = processes.children()
    processes.parent.send_signal(signal.SIGKILL)
    processes.parent.wait()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert len(gone) == 2
    assert not alive


def test_a_log_level_reaches_all_processes_and_those_that_start_later(start: Start, tmp_path: Path) -> None:
    processes = start(2)
    processes.wait_ready()
    assert processes.log_level() == "INFO"
    assert processes.log_level("WARNING") == "WARNING"
    processes.until(lambda: told(processes, "WARNING") == 2)
    processes.children()[0].send_signal(signal.SIGKILL)
    processes.until(lambda: told(processes, "WARNING") == 3)
    assert processes.log_level(AS_SET) == "INFO"
    processes.until(lambda: told(processes, "INFO") == 2)
    stops_cleanly(processes, tmp_path)


def told(processes: Processes, level: str) -> int:
    """How many processes have said that this is their level now."""
    return processes.log.read_text().count(f"the log level is {level} now")


def test_one_process_serves_by_itself(start: Start, tmp_path: Path) -> None:
    processes = start(1)
    processes.until(processes.ready)
    assert not processes.children()
    assert processes.post() == 202
    stops_cleanly(processes, tmp_path)


def stops_cleanly(processes: Processes, tmp_path: Path) -> None:
    children = processes.children()
    processes.parent.send_signal(signal.SIGTERM)
    assert processes.parent.wait(20) == 0, processes.log.read_text()
    assert not [child for child in children if child.is_running()]
    assert not list(tmp_path.glob("carbon-stream-metrics-*"))


def test_a_port_that_is_taken_is_told_at_once(start: Start, free_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        processes = start(2)
        assert processes.parent.wait(20) == 1
    text = processes.log.read_text()
    assert "CARBON_STREAM_HTTP_PORT" in text
    assert "Traceback" not in text
