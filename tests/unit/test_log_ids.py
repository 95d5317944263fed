"""JSON log lines say which request, trace and event they are about; the level changes while a process runs."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from carbon_stream.ingest.origin import OriginReader
from carbon_stream.observability.logging import JsonFormatter, log_about, log_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(**extra: str) -> dict[str, object]:
    record = logging.makeLogRecord({"msg": "said", "levelname": "INFO", "name": "x", **extra})
    return dict(orjson.loads(JsonFormatter().format(record)))


def test_lines_of_a_request_have_its_ids_and_no_others() -> None:
    request = make_mocked_request("POST", "/v1/events", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    with log_context():
        assert "traceId" not in line()
        origin = OriginReader([]).read(request)
        assert line()["traceId"] == TRACE
        assert line(eventId="e-1")["requestId"] == origin.request_id
        assert line(eventId="e-1")["eventId"] == "e-1"
        with log_context():
            assert "traceId" not in line()
    assert "traceId" not in line()


async def test_requests_at_once_do_not_mix() -> None:
    async def one(name: str) -> object:
        with log_context():
            log_about(requestId=name)
            await asyncio.sleep(0)
            return line()["requestId"]

    assert await asyncio.gather(*map(one, "abc")) == ["a", "b", "c"]


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that logs at both levels all the time."""
    code = (
        "import logging, time\n"
        "from carbon_stream.observability.logging import change_level_on_signals, configure\n"
        "configure('INFO', 'json')\n"
        "change_level_on_signals('INFO')\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    logging.getLogger('t').debug('deep %d', n)\n"
        "    logging.getLogger('t').info('plain %d', n)\n"
        "    time.sleep(0.02)\n"
    )
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", code], stderr=file)
    yield process, log
    process.kill()
    process.wait()


def test_signals_change_the_level(talking: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, log = talking

    def until(words: str, after: int = 0) -> int:
        deadline = time.monotonic() + 60
        while words not in log.read_text()[after:]:
            assert process.poll() is None
            assert time.monotonic() < deadline, log.read_text()[-500:]
            time.sleep(0.02)
        return len(log.read_text())

    until("plain")
    assert "deep" not in log.read_text()
    os.kill(process.pid, signal.SIGUSR1)
    until("deep", until("the log level is DEBUG now"))
    os.kill(process.pid, signal.SIGUSR2)
    place = until("the log level is INFO now")
    place += log.read_text()[place:].find("the log level is INFO")
    quiet = until("plain", until("plain", place))
    assert "deep" not in log.read_text()[quiet:]
