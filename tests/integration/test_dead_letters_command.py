"""`carbon-stream dead-letters` reads and replays straight from Kafka: no HTTP service is needed for it."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.bootstrap.topics.apply import ensure_topics
from carbon_stream.contracts.exports import example
from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings

TOPIC = "audit-api-calls"


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of this file's own: what it lists is all there is."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def settings(own_kafka: LocalKafka) -> Settings:
    return Settings(kafka_bootstrap_servers=own_kafka.bootstrap_servers)


async def put(settings: Settings, value: bytes, reason: str) -> str:
    """A dead letter as a stage writes it; gives its id."""
    headers = [
        ("traceparent", b"00-abc-01"),
        ("carbon-stream-origin-topic", TOPIC.encode()),
        ("carbon-stream-origin-partition", b"5"),
        ("carbon-stream-origin-offset", b"17"),
        ("carbon-stream-origin-timestamp", b"1700000000000"),
        ("carbon-stream-reason", reason.encode()),
        ("carbon-stream-error", b"what was wrong"),
    ]
    async with AIOKafkaProducer(**settings.kafka_client(), acks="all") as producer:
        sent = await producer.send_and_wait(DEAD_LETTERS, value, key=b"trino", partition=5, headers=headers)
    return f"{sent.partition}-{sent.offset}"


def command(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "carbon_stream.cli", "dead-letters", *arguments],
        env={"PATH": "", "HOME": "/nonexistent", "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_letters_are_listed_shown_and_replayed_once_they_would_be_taken(settings: Settings) -> None:
    await ensure_topics(settings)
    assert command(settings, "list").stdout == "There are none.\n"
    broken = await put(settings, b'{"broken": \xff\x1b[31m', "not-json")
    sound = await put(settings, json.dumps(example("AuditAPICallEvent")).encode(), "invalid")

    listed = command(settings, "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [sound, broken]
    assert f"{TOPIC}-5@17" in listed.stdout
    only = json.loads(command(settings, "list", "--reason", "not-json", "--output", "json").stdout)
    assert [letter["id"] for letter in only["deadLetters"]] == [broken]

    shown = command(settings, "show", broken).stdout
    assert "traceparent: 00-abc-01" in shown
    assert '{"broken": \\xff\\x1b[31m' in shown, "bytes that would steer a terminal are escaped"

    refused = command(settings, "replay", broken)
    assert (refused.returncode, "refused" in refused.stdout) == (1, True)
    tried = command(settings, "replay", sound, "--dry-run")
    assert (tried.returncode, tried.stdout.split()[1]) == (0, "valid")
    replayed = command(settings, "replay", "--reason", "invalid")
    assert replayed.returncode == 0, replayed.stderr
    assert f"{TOPIC}-5@0" in replayed.stdout

    unknown = command(settings, "show", "0-99")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no dead letter 0-99" in unknown.stderr
