"""The log level over HTTP: what is understood, and that processes behind one port follow each other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from carbon_stream.observability.logging import set_level
from carbon_stream.web import log_level
from carbon_stream.web.log_level import LOG_LEVEL, LogLevel
from tests.support.applications import answering


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    before, filters = root.level, {handler: list(handler.filters) for handler in root.handlers}
    set_level("INFO")
    yield
    root.setLevel(before)
    for handler, kept in filters.items():
        handler.filters[:] = kept


async def asked(method: str, **body: Any) -> tuple[int, dict[str, Any]]:
    application = answering()
    application[LOG_LEVEL] = LogLevel("INFO", None)
    application.add_routes(log_level.routes())
    async with TestClient(TestServer(application)) as client:
        answer = await client.request(method, "/v1/log-level", **body)
        return answer.status, await answer.json(content_type=None)


async def test_a_level_is_set_shown_and_taken_back() -> None:
    assert await asked("PUT", json={"level": "ERROR"}) == (200, {"level": "ERROR", "configured": "INFO"})
    assert logging.getLogger("carbon_stream.anything").getEffectiveLevel() == logging.ERROR
    assert await asked("GET") == (200, {"level": "ERROR", "configured": "INFO"})
    assert await asked("PUT", json={"level": None}) == (200, {"level": "INFO", "configured": "INFO"})
    assert logging.getLogger().level == logging.INFO


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"json": {"level": "debug"}}, 400, "level: give one of DEBUG, INFO, WARNING, ERROR, or null"),
        ({"json": {"level": ["DEBUG"]}}, 400, "level: give one of"),
        ({"json": {}}, 400, "level: give one of"),
        ({"json": {"level": "DEBUG", "for": 5}}, 400, "for: this member is not known"),
        ({"json": ["DEBUG"]}, 400, "the body is not an object"),
        ({"data": b"DEBUG", "headers": {"Content-Type": "application/json"}}, 400, "the body is not JSON"),
        ({"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, "send application/json"),
        ({"json": {"level": "x" * 2_000}}, 413, "a log level has 1024 bytes at most"),
    ],
)
async def test_what_is_no_level_changes_nothing(body: dict[str, Any], status: int, detail: str) -> None:
    found, document = await asked("PUT", **body)
    assert found == status
    assert document["detail"].startswith(detail)
    assert logging.getLogger().level == logging.INFO


def test_siblings_follow_once_for_each_time_that_somebody_asks(tmp_path: Path) -> None:
    one, other = LogLevel("INFO", tmp_path), LogLevel("INFO", tmp_path)
    other.look()
    assert logging.getLogger().level == logging.INFO
    one.ask("WARNING")
    set_level("INFO")
    other.look()
    assert logging.getLogger().level == logging.WARNING
    set_level("DEBUG")  # a signal to this process alone
    other.look()
    assert logging.getLogger().level == logging.DEBUG
    one.ask("WARNING")
    set_level("INFO")
    other.look()
    assert logging.getLogger().level == logging.WARNING, "asked for the same again"


def test_what_is_no_level_in_the_file_is_passed_over(tmp_path: Path) -> None:
    level = LogLevel("INFO", tmp_path)
    (tmp_path / "log-level").write_text("")
    level.look()
    assert level.document() == {"level": "INFO", "configured": "INFO"}
