"""Rules that post to URLs: an endpoint that hangs, fails, refuses or is away holds up itself and loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import orjson
import pytest

from carbon_stream.local.ports import free_ports
from carbon_stream.rules.model import outbox
from tests.integration.service.conftest import MakeService
from tests.support.answers import eventually
from tests.support.hooks import Receiver
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

ADMIN = "an-admin-token-of-the-tests"

RULES = """
endpoints:
  good:
    url: http://127.0.0.1:{port}/good
    sign: {{env: HOOK_SECRET}}
  moody:
    url: http://127.0.0.1:{port}/moody
    timeout_s: 0.5
  strict:
    url: http://127.0.0.1:{port}/strict
  scheduler:
    url: http://127.0.0.1:{port}/dolphinscheduler/projects/11/executors/start-process-instance
    headers: {{token: {{env: SCHEDULER_TOKEN}}}}
    form:
      processDefinitionCode: "12"
      scheduleTime: ""
      failureStrategy: END
      warningType: NONE
      processInstancePriority: MEDIUM
      startParams: {{dataset: "${{datasetName}}", eventId: "${{eventId}}"}}
    success: {{code: 0}}
rules:
  - name: to-good
    match: {{prefix: {{datasetName: both-}}}}
    to: {{endpoint: good}}
  - name: to-moody
    match: {{prefix: {{datasetName: both-}}}}
    to: {{endpoint: moody}}
  - name: to-strict
    match: {{exact: {{datasetName: refused}}}}
    to: {{endpoint: strict}}
  - name: start-workflow
    match: {{exact: {{eventType: DataIngestionEvent, datasetName: prices, status: SUCCESS}}}}
    to: {{endpoint: scheduler}}
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def posting(make_service: MakeService, port: int, tmp_path_factory: pytest.TempPathFactory) -> Service:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES.format(port=port))
    made = make_service(
        CARBON_STREAM_RULES=str(path),
        CARBON_STREAM_RULES_HOSTS="127.0.0.1",
        CARBON_STREAM_ADMIN_TOKEN=ADMIN,
        HOOK_SECRET="a plain secret",
        SCHEDULER_TOKEN="a-token",
    )
    made.start()
    made.wait_ready()
    return made


@asynccontextmanager
async def receiving(port: int, **behaviour: Any) -> AsyncIterator[Receiver]:
    receiver = Receiver(port, b"a plain secret", behaviour)
    await receiver.open()
    try:
        yield receiver
    finally:
        await receiver.close()


def loads(dataset: str, *numbers: int) -> list[dict[str, Any]]:
    return [
        {
            "eventId": f"{dataset}-{number}", "eventType": "DataIngestionEvent", "source": "spark",
            "timestamp": int(time.time() * 1000), "datasetName": dataset, "recordCount": number, "sizeBytes": 5,
            "format": "parquet", "location": "s3://lake", "status": "SUCCESS",
        }
        for number in numbers
    ]  # fmt: skip


async def post(service: Service, events: list[dict[str, Any]]) -> None:
    answer = await asyncio.to_thread(service.post, events)
    assert answer["accepted"] == len(events), answer


async def until(receiver: Receiver, path: str, count: int, seconds: float = 90.0) -> None:
    """Until so many different events have been taken; the server runs in this very loop."""
    async with asyncio.timeout(seconds):
        while len(set(receiver.keys(path))) < count:
            await asyncio.sleep(0.05)


async def test_an_endpoint_that_hangs_or_fails_delays_only_itself(posting: Service, port: int) -> None:
    events = [event for number in range(6) for event in loads(f"both-{number}", *range(5))]
    async with receiving(port, moody="hang") as receiver:
        await post(posting, events)
        await until(receiver, "good", 30)
        assert not receiver.keys("moody")
        assert all(one.headers["ce-type"] == "DataIngestionEvent" for one in receiver.taken["good"])
        assert all(one.headers["carbon-stream-rule"] == "to-good" for one in receiver.taken["good"])
        receiver.behaviour["moody"] = 503
        asked = receiver.asked["moody"]
        async with asyncio.timeout(90):
            while receiver.asked["moody"] == asked:
                await asyncio.sleep(0.05)
    # nobody listens at all for a moment
    async with receiving(port) as receiver:
        await until(receiver, "moody", 30)
        by_dataset: dict[str, list[int]] = {}
        for one in receiver.taken["moody"]:
            numbers = by_dataset.setdefault(one.event["datasetName"], [])
            if one.event["recordCount"] not in numbers:
                numbers.append(one.event["recordCount"])
        assert by_dataset == {f"both-{number}": [0, 1, 2, 3, 4] for number in range(6)}


async def test_a_killed_worker_loses_no_delivery(posting: Service, port: int) -> None:
    async with receiving(port) as receiver:
        sent = 0
        for round_ in range(2):
            events = loads("both-kill", *range(sent, sent + 40))
            sent += 40
            await post(posting, events)
            await asyncio.sleep(0.2 * round_)
            await asyncio.to_thread(posting.kill, 1)
            posting.start(1)
            await asyncio.to_thread(posting.wait_ready, 1)
        await until(receiver, "good", sent)
        await until(receiver, "moody", sent)
        for path in ("good", "moody"):
            of_each = {one.key: one.event["causationId"] for one in receiver.taken[path]}
            assert Counter(of_each.values()) == {f"both-kill-{number}": 1 for number in range(sent)}


async def test_what_is_refused_is_a_dead_letter_and_a_replay_posts_it_again(posting: Service, port: int) -> None:
    async with receiving(port, strict=422) as receiver:
        await post(posting, loads("refused", 1))

        def letters() -> Any:
            return posting.get("/v1/dead-letters", reason="undeliverable")["deadLetters"]

        [letter] = await asyncio.to_thread(lambda: asyncio.run(eventually(letters, 90)))
        assert letter["origin"]["topic"] == outbox("strict")
        assert letter["error"] == "endpoint strict: status 422"
        assert receiver.asked["strict"] == 1
        receiver.behaviour["strict"] = 200
        answer = await asyncio.to_thread(replay, posting, letter["id"])
        assert answer["replayed"] == 1, answer
        await until(receiver, "strict", 1)
        [taken] = receiver.taken["strict"]
        assert taken.event["causationId"] == "refused-1"
        assert receiver.asked["strict"] == 2


def replay(service: Service, letter: str) -> Any:
    request = Request(
        service.url() + "/v1/dead-letters/replay",
        orjson.dumps({"ids": [letter]}),
        {"Content-Type": "application/json", "Authorization": f"Bearer {ADMIN}"},
    )
    try:
        with urlopen(request, timeout=30) as answer:
            return orjson.loads(answer.read())
    except HTTPError as error:
        return orjson.loads(error.read())


async def test_a_workflow_starts_when_its_data_has_arrived(posting: Service, port: int) -> None:
    """The scheduler answers errors with status 200 and a code of its own."""
    path = "dolphinscheduler/projects/11/executors/start-process-instance"
    async with receiving(port, **{path: {"code": 10_106, "msg": "start process instance error"}}) as receiver:
        await post(posting, loads("prices", 7))
        async with asyncio.timeout(90):
            while receiver.asked.get(path, 0) < 2:
                await asyncio.sleep(0.05)
        receiver.behaviour[path] = {"code": 0, "msg": "success", "data": 4_711}
        receiver.taken.clear()
        await until(receiver, path, 1)
        [started] = receiver.taken[path]
        fields = parse_qs(started.body.decode(), keep_blank_values=True)
        assert fields["processDefinitionCode"] == ["12"]
        assert fields["scheduleTime"] == [""]
        assert orjson.loads(fields["startParams"][0]) == {"dataset": "prices", "eventId": started.key}
        assert started.headers["token"] == "a-token"
    assert "a-token" not in posting.log(1)
    assert "a plain secret" not in posting.log(1)
