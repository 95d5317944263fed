"""Whatever is sent, and however bad: nothing of it is in the logs, at DEBUG and with rules that fail on it."""

from __future__ import annotations

import asyncio
import gzip
import signal
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.examples import valid
from carbon_stream.contracts.names import DEAD_LETTERS, RULE_REPEATS, SERVICE_STATUS, changelog
from carbon_stream.local.ports import free_ports
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import eventually
from tests.support.hooks import Receiver
from tests.support.service import Service

pytestmark = pytest.mark.timeout(240)

MARK = "ZQXMARKQXZ"

RULES = """
endpoints:
  refusing: {{url: "http://127.0.0.1:{port}/refusing"}}
rules:
  - name: everything
    match: {{prefix: {{eventType: ""}}}}
    to: {{endpoint: refusing}}
  - name: wrong
    match: {{prefix: {{eventType: Data}}}}
    set: {{eventType: SecurityEvent, category: "${{source}}", severity: "${{datasetName}}"}}
    to: {{topic: security-events}}
"""


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def chatty(make_service: MakeService, port: int, tmp_path_factory: pytest.TempPathFactory) -> Service:
    path: Path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES.format(port=port))
    made = make_service(
        CARBON_STREAM_RULES=str(path),
        CARBON_STREAM_RULES_HOSTS="127.0.0.1",
        CARBON_STREAM_LOG_FORMAT="json",
        CARBON_STREAM_LOG_LEVEL="INFO",
    )
    made.start()
    made.wait_ready()
    made.signal(1, signal.SIGUSR1)  # DEBUG from now on: what shows itself must be told by then
    return made


def marked(event: dict[str, Any]) -> dict[str, Any]:
    """The event with the mark in a field of its own and in all texts that take any; but not its id: logs may say it."""
    fixed = {
        "eventType",
        "eventId",
        "status",
        "result",
        "healthStatus",
        "severity",
        "transformationType",
        "action",
        "operation",
    }
    out: dict[str, Any] = {}
    for name, value in event.items():
        if isinstance(value, str) and name not in fixed:
            out[name] = f"{value[:20]} {MARK}"
        else:
            out[name] = value
    return out | {f"field{MARK}": MARK, "timestamp": int(time.time() * 1000)}


def bodies() -> list[tuple[str, bytes, dict[str, str]]]:
    """Good and bad: path, body, headers."""
    events = [marked(valid(topic.event_type)[0].event) for topic in TOPICS]
    good = events[0]
    as_json = {"Content-Type": "application/json", "User-Agent": MARK, "X-Secret": MARK}
    wrong = [
        good | {"recordCount": MARK}, good | {"eventType": MARK}, good | {"timestamp": MARK}, {MARK: MARK}, [MARK],
        MARK, good | {"status": MARK}, good | {"eventId": MARK * 100}, good | {"nested": [[[[MARK]]]] * 50},
    ]  # fmt: skip
    entry = {
        "request": {"uri": f"/x?token={MARK}", "method": "GET", "headers": {"authorization": MARK}},
        "response": {"status": MARK}, "client_ip": MARK,
    }  # fmt: skip
    return [
        ("/v1/events", orjson.dumps(events), as_json),
        *[("/v1/events", orjson.dumps(one), as_json) for one in wrong],
        ("/v1/events", orjson.dumps(wrong), as_json),
        ("/v1/events", b"{broken " + MARK.encode(), as_json),
        ("/v1/events", b"\xff" + MARK.encode(), as_json),
        ("/v1/events", f'{{"a": "{MARK}"}}\n{MARK}\n'.encode(), {"Content-Type": "application/x-ndjson"}),
        ("/v1/events", gzip.compress(MARK.encode())[:-4], as_json | {"Content-Encoding": "gzip"}),
        ("/v1/events", orjson.dumps(good), {"Content-Type": f"text/{MARK}"}),
        ("/v1/events", orjson.dumps({"specversion": MARK}), {"Content-Type": "application/cloudevents+json"}),
        ("/v1/events", MARK.encode(), as_json | {"ce-specversion": "1.0", "ce-id": MARK, "ce-type": MARK}),
        ("/v1/sources/kong", orjson.dumps([entry, MARK]), as_json),
        ("/api/v1/lineage", orjson.dumps({"eventTime": MARK, "run": {"runId": MARK}, "job": MARK}), as_json),
        ("/api/v1/lineage/batch", orjson.dumps([MARK, {"run": MARK}]), as_json),
        (f"/v1/types/{MARK}", b"", {}),
        (f"/v1/audit/events?user={MARK}&cursor={MARK}", b"", {}),
        (f"/v1/datasets/{quote(MARK)}?x={MARK}", b"", {}),
    ]


def send(service: Service, path: str, body: bytes, headers: dict[str, str]) -> int:
    request = Request(service.url() + path, body or None, headers)
    try:
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


async def test_nothing_of_what_is_sent_is_logged(chatty: Service, port: int) -> None:
    receiver = Receiver(port, behaviour={"refusing": 400})
    await receiver.open()
    try:
        statuses = [await asyncio.to_thread(send, chatty, *one) for one in bodies()]
        assert {202, 400, 415, 422} <= set(statuses)
        assert all(status < 500 for status in statuses), statuses
        await straight_to_kafka(chatty)
        refused = eventually(lambda: 'result="refused"' in chatty.text("/metrics"), 90)
        failed = eventually(lambda: 'result="invalid",rule="wrong"' in chatty.text("/metrics"), 90)
        await asyncio.gather(asyncio.to_thread(asyncio.run, refused), asyncio.to_thread(asyncio.run, failed))
        dead: list[Any] = []
        async with asyncio.timeout(90):
            while len(dead) < len(TOPICS) * 2:
                dead = await brute_force.read(chatty.kafka.bootstrap_servers, [DEAD_LETTERS])
    finally:
        await receiver.close()
    log = chatty.log(1)
    assert '"level": "DEBUG"' in log
    assert "rule wrong sent nothing" in log
    assert [line for line in log.splitlines() if MARK in line] == []


async def straight_to_kafka(service: Service) -> None:
    """What producers may put on topics, ours included."""
    ours = [RULE_REPEATS, SERVICE_STATUS]
    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers) as producer:
        for topic in [topic.name for topic in TOPICS] + ours:
            for value in (MARK.encode(), orjson.dumps({"eventType": MARK, "source": MARK}), orjson.dumps([MARK])):
                headers = [(f"h{MARK}", MARK.encode()), ("traceparent", MARK.encode())]
                await producer.send_and_wait(topic, value, key=MARK.encode(), headers=headers)
        await producer.send_and_wait(changelog("audit"), MARK.encode(), key=f'["{MARK}"]'.encode())
