"""What is not HTTP as it should be is answered with a problem document too."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from carbon_stream.web import status
from carbon_stream.web.readiness import READINESS, Readiness
from carbon_stream.web.server import listening
from tests.support.applications import answering


@pytest.fixture
async def port() -> AsyncIterator[int]:
    application = answering()
    application[READINESS] = Readiness()
    application.add_routes(status.routes())
    async with listening(application, "127.0.0.1", 0) as url:
        bound = urlsplit(url).port
        assert bound
        yield bound


async def answered(port: int, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n",
        b"GET /" + b"x" * 600_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nLong: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "bad-length", "bad-header", "long-line", "long-header"],
)
async def test_a_malformed_request_is_a_problem(port: int, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        code, headers, body = await answered(port, sent)
    document = json.loads(body)
    assert (code, document["status"]) == (400, 400)
    assert headers["content-type"].startswith("application/problem+json")
    assert headers["x-request-id"] == document["requestId"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "aiohttp" not in headers["server"]
    assert len(body) < 1_000
    assert not caplog.records  # anybody can send such requests: they must not fill the log


async def test_a_long_request_line_within_the_limit_is_served(port: int) -> None:
    path = b"/healthz?" + b"x" * 500_000
    code, _, _ = await answered(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert code == 200


async def test_an_expectation_that_is_not_known_is_a_problem(port: int) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 200-never\r\nConnection: close\r\n\r\n"
    code, headers, body = await answered(port, sent)
    document = json.loads(body)
    assert (code, document["status"], headers["x-request-id"]) == (417, 417, document["requestId"])
    assert headers["content-type"].startswith("application/problem+json")
    assert "aiohttp" not in headers["server"]
