"""Which requests for a replay are understood; nothing of Kafka is needed to refuse one. Who may: test_guard.py."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from carbon_stream.dead_letters.reader import DeadLetterReader, Page, Unavailable
from carbon_stream.dead_letters.record import DeadLetter
from carbon_stream.dead_letters.replay import Outcome, Replayer
from carbon_stream.web import dead_letters, small_bodies
from tests.support.applications import answering

Start = Callable[..., AbstractAsyncContextManager[TestClient[web.Request, web.Application]]]


class Away(DeadLetterReader):
    """A reader whose brokers never answer."""

    async def page(self, limit: int, cursor: str | None = None, accept: Any = None) -> Page:
        raise Unavailable("no broker answers")

    async def fetch(self, places: list[tuple[int, int]]) -> dict[tuple[int, int], DeadLetter]:
        raise Unavailable("no broker answers")


class Told(Replayer):
    """A replayer that gives the outcomes it was told to give."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes

    async def replay_ids(self, ids: Sequence[str], *, dry_run: bool = False) -> list[Outcome]:
        return self.outcomes

    async def replay_matching(
        self, reason: str | None, origin_topic: str | None, limit: int, *, dry_run: bool = False
    ) -> list[Outcome]:
        return self.outcomes


def client(replayer: Replayer | None = None) -> AbstractAsyncContextManager[TestClient[web.Request, web.Application]]:
    application = answering()
    reader = application[dead_letters.READER] = Away({})
    application[dead_letters.REPLAYER] = replayer or Replayer({}, reader)
    application.add_routes(dead_letters.routes())
    return TestClient(TestServer(application))


async def asked(body: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    async with client(**options) as session:
        response = await session.post("/v1/dead-letters/replay", json=body)
        assert response.content_type == ("application/json" if response.status == 200 else "application/problem+json")
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"limit": 5},
        {"dryRun": True},
        {"ids": []},
        {"ids": ["1-1", "1-1"]},
        {"ids": [1]},
        {"ids": "1-1"},
        {"ids": ["1-1"] * 501},
        {"ids": ["1-1"], "reason": "empty"},
        {"reason": "no-such-reason"},
        {"reason": ["empty"]},
        {"originTopic": "somebody-elses"},
        {"reason": "empty", "limit": 0},
        {"reason": "empty", "limit": 501},
        {"reason": "empty", "limit": True},
        {"reason": "empty", "all": True},
        {"reason": "empty", "dryRun": "yes"},
    ],
)
async def test_a_replay_that_is_not_understood_is_refused(body: Any) -> None:
    assert (await asked(body))[0] == 400


@pytest.mark.parametrize(
    ("content_type", "body", "status"), [("text/plain", b"{}", 415), ("application/json", b"{", 400)]
)
async def test_a_body_that_is_no_json_is_refused(content_type: str, body: bytes, status: int) -> None:
    async with client() as session:
        response = await session.post("/v1/dead-letters/replay", data=body, headers={"Content-Type": content_type})
        assert response.status == status


async def test_a_body_above_its_limit_is_refused() -> None:
    assert (await asked({"ids": ["9" * 70_000]}))[0] == 413


async def test_an_unavailable_broker_is_told_with_the_time_to_try_again() -> None:
    assert (await asked({"ids": ["0-0"]}))[0] == 503
    assert (await asked({"reason": "empty"}))[0] == 503
    async with client() as session:
        response = await session.get("/v1/dead-letters")
        assert (response.status, response.headers["Retry-After"]) == (503, "5")


async def test_each_letter_has_a_result_of_its_own() -> None:
    refused = {"id": "0-1", "status": "refused", "code": 409, "reason": "unknown-origin", "errors": []}
    failed = {"id": "0-2", "status": "failed", "code": 503, "retriable": True, "errors": []}
    replayed = {"id": "0-3", "status": "replayed", "code": 200, "topic": "t", "partition": 0, "offset": 1}
    status, answer = await asked({"reason": "empty"}, replayer=Told([refused, failed]))
    assert (status, answer) == (200, {"replayed": 0, "refused": 2, "results": [refused, failed]})
    status, answer = await asked({"reason": "empty"}, replayer=Told([refused, replayed]))
    assert (status, answer["replayed"], answer["refused"]) == (200, 1, 1)
    assert (await asked({"reason": "empty"}, replayer=Told([])))[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"reason": "no-such-reason"},
        {"originTopic": "somebody-elses"},
        {"newest": "1"},
    ],
)
async def test_a_list_that_is_not_understood_is_refused(query: dict[str, str]) -> None:
    async with client() as session:
        response = await session.get("/v1/dead-letters", params=query)
        assert response.status == 400
        assert (await response.json(content_type=None))["parameter"] == next(iter(query))


@pytest.mark.parametrize("cursor", ["", "x", "1.2.3", "9" * 5_000, "1.-2", "1.2\n"])
async def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await DeadLetterReader({}).page(10, cursor)


async def test_a_body_that_does_not_end_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_bodies, "BODY_S_MAX", 0.2)

    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async with client() as session:
        headers = {"Content-Type": "application/json"}
        response = await session.post("/v1/dead-letters/replay", data=without_end(), headers=headers)
        assert (response.status, response.headers["Connection"]) == (408, "close")
        assert response.content_type == "application/problem+json"
