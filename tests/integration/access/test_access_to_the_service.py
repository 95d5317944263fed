"""Keys and tokens at the real service over a real broker: changed while it runs, and what is on the topics of it."""

import asyncio
import os
import subprocess
import sys
import time
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from carbon_stream.access.pseudonyms import Pseudonyms
from carbon_stream.contracts.exports import example
from tests.integration.access.conftest import HASH_SECRET, Guarded
from tests.support.service import ROOT

pytestmark = pytest.mark.timeout(240)
WAIT_S = 60.0


def event(event_type: str = "DataIngestionEvent", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = dict(example(event_type))
    made.pop("eventId", None)
    return {**made, "timestamp": int(time.time() * 1000), **fields}


async def until_status(guarded: Guarded, wanted: int, *request: Any, **more: Any) -> Any:
    async with asyncio.timeout(WAIT_S):
        while True:
            status, document, headers = await guarded.ask(*request, **more)
            if status == wanted:
                return document, headers
            await asyncio.sleep(0.1)


async def found(guarded: Guarded, topic: str, wanted: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    """Events of a topic that have these members, waited for until there are `count`."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=guarded.service.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    events: list[dict[str, Any]] = []
    async with consumer, asyncio.timeout(WAIT_S):
        while len(events) < count:
            record = await consumer.getone()
            one = orjson.loads(record.value)
            if wanted.items() <= one.items():
                events.append(one)
    return events


async def test_a_key_works_when_it_is_added_and_no_longer_when_it_is_taken_out(guarded: Guarded) -> None:
    guarded.add("late", "sender")
    await until_status(guarded, 202, "POST", "/v1/events", "late", event())
    guarded.remove("late")
    _, headers = await until_status(guarded, 401, "POST", "/v1/events", "late", event())
    assert headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_file_with_an_error_leaves_what_was_read_before(guarded: Guarded) -> None:
    guarded.path.write_text("version: 1\nkeys: [{")
    await eventually_logged(guarded, "what it said before goes on holding")
    assert (await guarded.ask("POST", "/v1/events", "loader", event()))[0] == 202
    guarded.add("after-the-error", "reader")
    await until_status(guarded, 200, "GET", "/v1/topics", "after-the-error")


async def eventually_logged(guarded: Guarded, text: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while text not in guarded.service.log(1):
            await asyncio.sleep(0.1)


async def test_an_issuers_keys_may_change_and_the_issuer_may_go_away(guarded: Guarded) -> None:
    key_set, issuer = guarded.key_set, guarded.issuer
    first = issuer.sign("first", roles=["reader", "sender"])
    assert (await guarded.ask("GET", "/v1/topics", first))[0] == 200
    issuer.add_ec("second")
    key_set.text = issuer.jwks("second")
    second = issuer.sign("second", roles=["reader"])
    await until_status(guarded, 200, "GET", "/v1/topics", second)
    await until_status(guarded, 401, "GET", "/v1/topics", first)  # its key is in the set no more
    key_set.away = True
    issuer.add_ec("third")
    third = issuer.sign("third", roles=["reader"])
    document, headers = await until_status(guarded, 503, "GET", "/v1/topics", third)
    assert "keys cannot be read" in document["detail"]
    assert int(headers["Retry-After"]) > 0
    assert (await guarded.ask("GET", "/v1/topics", second))[0] == 200
    key_set.away, key_set.text = False, issuer.jwks("second", "third")
    await until_status(guarded, 200, "GET", "/v1/topics", third)
    status, document, _ = await guarded.ask("POST", "/v1/events", third, event())
    assert (status, "sender" in document["detail"]) == (403, True)


async def test_tokens_in_a_flood_do_not_make_a_flood_of_fetches(guarded: Guarded) -> None:
    stranger = type(guarded.issuer)()
    stranger.add_ec("nobodys")
    token = stranger.sign("nobodys")
    before = guarded.key_set.asked
    began = time.monotonic()
    answers = await asyncio.gather(*(guarded.ask("GET", "/v1/topics", token) for _ in range(50)))
    assert {status for status, _, _ in answers} == {401}
    assert guarded.key_set.asked - before <= 2 + (time.monotonic() - began) / 5


async def test_a_read_in_a_query_process_is_on_the_topic(guarded: Guarded) -> None:
    status, _, _ = await guarded.ask("GET", "/v1/audit/events?user=nobody-at-all&limit=7", "auditor", number=2)
    assert status == 200
    (read,) = await found(guarded, "audit-data-access", {"query": "user=nobody-at-all&limit=7"})
    assert (read["userId"], read["datasetName"], read["rowCount"]) == ("auditor", "carbon-stream/audit-events", 0)
    assert read["context"]["principal"]["via"] == "key"
    document = await guarded.ask("GET", "/v1/audit/events?eventType=AuditDataAccessEvent&user=auditor", "auditor")
    assert document[0] == 200


async def test_a_false_sender_is_a_security_event_on_the_topic(guarded: Guarded) -> None:
    guarded.add("narrow", "sender", sources=["narrow"])
    await until_status(guarded, 202, "POST", "/v1/events", "narrow", event(source="narrow"))
    batch = [event(source="narrow"), event(source="somebody-else")]
    status, document, _ = await guarded.ask("POST", "/v1/events", "narrow", batch)
    assert (status, document["accepted"], document["rejected"]) == (202, 1, 1)
    (told,) = await found(guarded, "security-events", {"action": "source-mismatch", "principal": "narrow"})
    assert (told["resource"], told["outcome"], told["source"]) == ("somebody-else", "DENIED", "carbon-stream")


async def test_an_api_key_is_nowhere_readable_whichever_way_the_event_came(guarded: Guarded) -> None:
    hashed = Pseudonyms(HASH_SECRET.encode).of("readable-key")
    ours = event("AuditAPICallEvent", apiKey="readable-key", userId="keyed-user")
    assert (await guarded.ask("POST", "/v1/events", "loader", ours))[0] == 202
    direct = {**ours, "eventId": "direct-1", "userId": "keyed-user"}
    producer = AIOKafkaProducer(bootstrap_servers=guarded.service.kafka.bootstrap_servers)
    async with producer:
        await producer.send_and_wait("audit-api-calls", orjson.dumps(direct), key=b"trino")

    async def shown() -> list[dict[str, Any]]:
        _, document, _ = await guarded.ask("GET", "/v1/audit/events?user=keyed-user", "auditor", number=2)
        return list(document["events"])

    async with asyncio.timeout(WAIT_S):
        while len(events := await shown()) < 2:
            await asyncio.sleep(0.1)
    assert [one["apiKey"] for one in events] == [hashed, hashed]
    stored = await found(guarded, "audit-api-calls", {"userId": "keyed-user"}, 2)
    assert sorted(one["apiKey"] for one in stored) == sorted([hashed, "readable-key"])
    tail = await asyncio.to_thread(
        command, guarded, "auditor", "tail", "--json", "--limit", "1", "--type", "AuditAPICallEvent", wake=ours
    )
    assert orjson.loads(tail.stdout)["apiKey"] == hashed
    (read,) = (await found(guarded, "audit-data-access", {"datasetName": "carbon-stream/events"}))[:1]
    assert read["userId"] == "auditor"


def command(
    guarded: Guarded, key: str | None, *words: str, wake: dict[str, Any] | None = None
) -> "subprocess.CompletedProcess[str]":
    """One of our own clients, with a key in the environment; `wake` is posted until it has ended."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))}
    environment = {
        **ours,
        "KAFKA_BOOTSTRAP_SERVERS": guarded.service.kafka.bootstrap_servers,
        "CARBON_STREAM_HTTP_PORT": str(guarded.service.ports[1]),
        **({"CARBON_STREAM_TOKEN": guarded.keys[key]} if key is not None else {}),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "carbon_stream.cli", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + WAIT_S
            while wake is not None and process.poll() is None and time.monotonic() < deadline:
                asyncio.run(guarded.ask("POST", "/v1/events", "loader", wake))
                time.sleep(0.2)
            stdout, stderr = process.communicate(timeout=WAIT_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)


async def test_the_demo_needs_a_key_and_says_so(guarded: Guarded) -> None:
    refused = await asyncio.to_thread(command, guarded, None, "demo", "--count", "20", "--rate", "0", "--seed", "3")
    assert (refused.returncode, "CARBON_STREAM_TOKEN" in refused.stderr) == (1, True)
    played = await asyncio.to_thread(command, guarded, "loader", "demo", "--count", "60", "--rate", "0", "--seed", "3")
    assert played.returncode == 0, played.stderr


async def test_no_secret_is_in_any_log(guarded: Guarded) -> None:
    for number in (1, 2):
        log = guarded.service.log(number)
        assert "access control is on" in log
        for secret in (*guarded.keys.values(), *(entry["sha256"] for entry in guarded.entries), HASH_SECRET, "eyJ"):
            assert secret not in log
