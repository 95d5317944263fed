"""`carbon-stream drain` waits for a spool to be empty, and says when it is not in time."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from click.testing import CliRunner

from carbon_stream.cli import main

WAITING = 'carbon_stream_spool_events{pid="7"}'


class Metrics(BaseHTTPRequestHandler):
    left: ClassVar[list[float]] = [0.0]

    def do_GET(self) -> None:
        value = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        self.send_response(200 if value >= 0 else 500)
        self.end_headers()
        self.wfile.write(f"# TYPE carbon_stream_spool_events gauge\n{WAITING} {value}\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Metrics]]:
    server = HTTPServer(("127.0.0.1", 0), Metrics)
    monkeypatch.setenv("CARBON_STREAM_HTTP_PORT", str(server.server_port))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Metrics
    server.shutdown()
    thread.join()
    server.server_close()


def drain(wait_s: float) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["drain", "--settle", "0", "--wait", str(wait_s)])
    return done.exit_code, done.output


def test_it_waits_until_nothing_is_left(metrics: type[Metrics]) -> None:
    metrics.left = [3.0, 1e6, 0.0]
    assert drain(600) == (0, "")
    assert metrics.left == [0.0], "it has asked three times"


def test_what_is_not_sent_in_time_is_told(metrics: type[Metrics]) -> None:
    metrics.left = [12.0]
    status, output = drain(0.01)
    assert status == 1
    assert "12 events are still kept here" in output


def test_where_nobody_answers_there_is_nobody_to_wait_for(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_HTTP_PORT", str(free_port))
    assert drain(600) == (0, "")


def test_who_cannot_say_is_waited_for(metrics: type[Metrics]) -> None:
    metrics.left = [-1.0, 0.0]
    assert drain(600) == (0, "")
    metrics.left = [-1.0]
    assert drain(0.01)[0] == 1
