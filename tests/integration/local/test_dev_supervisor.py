"""`carbon-stream dev` with small stand-ins for service and demo, and real signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

SERVICE = """
import os, sys, time, signal
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if Handler.asked > 2 else 503)
        self.end_headers()
        self.wfile.write(b"tables are loading")
    def log_message(self, *a): pass

def end(*_):
    print("service says goodbye")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
print("pid", os.getpid(), "kafka", os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ.get("KAFKA_SASL_USERNAME"))
HTTPServer(("127.0.0.1", int(os.environ["CARBON_STREAM_HTTP_PORT"])), Handler).serve_forever()
"""
DEMO = "import os, time; print('demo pid', os.getpid()); time.sleep(60)"
STUBBORN = SERVICE.replace("os._exit(0)", "pass")

MAIN = """
import json, sys
from pathlib import Path
from carbon_stream.local.dev import DevOptions, run

options = json.loads(sys.argv[1])
options["data_dir"] = Path(options["data_dir"])
sys.exit(run(DevOptions(banner=lambda servers: f"BANNER {servers}", **options)))
"""


def python(code: str) -> list[str]:
    """A command that runs a piece of Python."""
    return [sys.executable, "-c", code]


class Dev:
    """One `dev` process and what it has printed."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder

    @property
    def output(self) -> str:
        """All lines so far."""
        return (self.folder / "output").read_text()

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Until a text has been printed."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            assert self.process.poll() is None or text in self.output, self.output
            time.sleep(0.02)

    def pid_after(self, text: str) -> int:
        """The number that follows a text in the output."""
        return int(self.output.split(text)[1].split()[0])


StartDev = Callable[..., Dev]


@pytest.fixture
def start_dev(tmp_path: Path, free_port: int) -> Iterator[StartDev]:
    """Starts `dev` in a process of its own; a listening socket stands in for a Kafka that is already there."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def start(environment: dict[str, str] | None = None, **options: Any) -> Dev:
            given = {
                "service": python(SERVICE),
                "data_dir": str(tmp_path / "data"),
                "http_port": free_port,
                "kafka": f"127.0.0.1:{listener.getsockname()[1]}",
                **options,
            }
            output = stack.enter_context((tmp_path / "output").open("w"))
            process = subprocess.Popen(
                [sys.executable, "-c", MAIN, json.dumps(given)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Dev(process, tmp_path)

        yield start


def _gone(*pids: int) -> None:
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[p for p in pids if psutil.pid_exists(p)]}"
        time.sleep(0.02)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything_in_reverse_order(start_dev: StartDev, signum: signal.Signals) -> None:
    dev = start_dev(demo=python(DEMO))
    dev.wait_for("BANNER 127.0.0.1:")
    dev.wait_for("demo pid")
    service, demo = dev.pid_after("| pid "), dev.pid_after("demo pid ")
    dev.process.send_signal(signum)
    assert dev.process.wait(60) == 0
    _gone(service, demo)
    output = dev.output
    assert output.index("stopping the demo") < output.index("stopping the service")
    assert " service | service says goodbye" in output  # gently, and its last words are shown
    assert "ready after" in output


def test_service_that_dies_takes_the_rest_along(start_dev: StartDev) -> None:
    dev = start_dev(demo=python(DEMO))
    dev.wait_for("demo pid")
    os.kill(dev.pid_after("| pid "), signal.SIGKILL)
    assert dev.process.wait(15) == 1
    assert "the service ended by itself by SIGKILL: stopping everything" in dev.output
    _gone(dev.pid_after("demo pid "))


def test_service_that_fails_to_start_shows_why(start_dev: StartDev) -> None:
    dev = start_dev(service=python("raise SystemExit('no such table')"))
    assert dev.process.wait(15) == 1
    assert " service | no such table" in dev.output
    assert "ended by itself with exit status 1" in dev.output
    assert "BANNER" not in dev.output


def test_command_that_does_not_exist(start_dev: StartDev) -> None:
    dev = start_dev(service=["/no/such/program"])
    assert dev.process.wait(15) == 1
    assert "/no/such/program cannot be run: No such file or directory" in dev.output


def test_demo_that_fails_takes_the_rest_along(start_dev: StartDev) -> None:
    dev = start_dev(demo=python("raise SystemExit(3)"))
    assert dev.process.wait(15) == 1
    assert "the demo ended by itself with exit status 3" in dev.output
    assert "service says goodbye" in dev.output


def test_demo_that_has_finished_leaves_the_service_running(start_dev: StartDev) -> None:
    dev = start_dev(demo=python("print('played')"))
    dev.wait_for("the demo has come to its end")
    assert dev.process.poll() is None
    assert psutil.pid_exists(dev.pid_after("| pid "))


def test_killed_dev_leaves_nothing_behind(start_dev: StartDev) -> None:
    dev = start_dev(demo=python(DEMO))
    dev.wait_for("demo pid")
    dev.process.kill()
    _gone(dev.pid_after("| pid "), dev.pid_after("demo pid "))


def test_second_signal_stops_hard(start_dev: StartDev) -> None:
    dev = start_dev(service=python(STUBBORN))
    dev.wait_for("BANNER")
    dev.process.send_signal(signal.SIGINT)
    dev.wait_for("service says goodbye")  # and stays
    began = time.monotonic()
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(60) == 0
    assert time.monotonic() - began < 12
    _gone(dev.pid_after("| pid "))


def test_stubborn_service_is_ended_within_15_s(start_dev: StartDev) -> None:
    dev = start_dev(service=python(STUBBORN))
    dev.wait_for("BANNER")
    dev.process.send_signal(signal.SIGTERM)
    assert dev.process.wait(15) == 0
    _gone(dev.pid_after("| pid "))


def test_service_that_never_gets_ready(start_dev: StartDev) -> None:
    dev = start_dev(service=python(SERVICE.replace("> 2", "> 1e9")), ready_timeout_s=1.5)
    assert dev.process.wait(15) == 1
    assert "was not ready within 2 s" in dev.output
    assert "answers 503: tables are loading" in dev.output


def test_http_port_taken(start_dev: StartDev) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dev = start_dev(http_port=server.getsockname()[1])
        assert dev.process.wait(15) == 1
    assert "is taken by process" in dev.output
    assert "CARBON_STREAM_HTTP_PORT" in dev.output
    assert "starting the service" not in dev.output


@pytest.mark.parametrize(
    ("kafka", "message"), [("127.0.0.1:1", "nothing answers at 127.0.0.1:1"), ("nonsense", "is not HOST:PORT")]
)
def test_kafka_that_is_not_there(start_dev: StartDev, kafka: str, message: str) -> None:
    dev = start_dev(kafka=kafka)
    assert dev.process.wait(20) == 1
    assert message in dev.output
    assert "starting the service" not in dev.output


def test_with_its_own_broker(start_dev: StartDev, tmp_path: Path) -> None:
    """The real one; credentials of another broker do not reach the children, and nothing is left in the end."""
    dev = start_dev(kafka=None, kafka_port=0, environment={"KAFKA_SASL_USERNAME": "somebody"})
    dev.wait_for("BANNER 127.0.0.1:", timeout_s=60)
    servers = dev.output.split("Kafka answers at ")[1].split()[0]
    assert f"kafka {servers} None" in dev.output
    broker = [p for p in psutil.Process(dev.process.pid).children(recursive=True) if p.name() == "java"]
    assert len(broker) == 1
    dev.process.send_signal(signal.SIGINT)
    assert dev.process.wait(60) == 0
    assert dev.output.index("stopping the service") < dev.output.index("stopping Kafka")
    _gone(broker[0].pid)
    assert (tmp_path / "data" / "node-1" / "kafka.log").exists()


def test_broker_that_dies_takes_the_rest_along(start_dev: StartDev) -> None:
    dev = start_dev(kafka=None, kafka_port=0)
    dev.wait_for("BANNER", timeout_s=60)
    (broker,) = [p for p in psutil.Process(dev.process.pid).children(recursive=True) if p.name() == "java"]
    broker.kill()
    assert dev.process.wait(15) == 1
    assert "node 1 ended with status 137" in dev.output
    _gone(dev.pid_after("| pid "))
