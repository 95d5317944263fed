"""The whole of an erasure: what would be done, and doing it, audited at its beginning and at its end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carbon_stream.contracts import codec
from carbon_stream.contracts.names import APP_ID, DEAD_LETTERS, changelog
from carbon_stream.erasure import letters, tables
from carbon_stream.erasure.mention import mentions
from carbon_stream.erasure.tables import Place
from carbon_stream.errors import OperatorError
from carbon_stream.projections.audit_columns import ANONYMOUS
from carbon_stream.projections.erasure import ERASERS
from carbon_stream.routing import partition_of, record_of
from carbon_stream.streaming.transaction import Fenced

OPERATION = "ERASE_PERSON"
Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """How many rows of each table, and how many dead letters, speak of the person, or did."""

    rows: dict[str, int] = field(default_factory=dict)
    letters: int = 0

    @property
    def is_empty(self) -> bool:
        """Nothing of the person is there."""
        return not self.letters and not any(self.rows.values())


async def plan(kafka: Mapping[str, Any], user: str) -> Report:
    """What an erasure would find; nothing is changed. OperatorError when the brokers cannot be asked."""
    _check(user)
    async with _told():
        report = Report()
        for place in await _places(kafka):
            report.rows[place.table] = report.rows.get(place.table, 0) + await tables.find(kafka, place, user)
        report.letters = sum(found.gone for found in await letters.find(kafka, DEAD_LETTERS, mentions(user)))
        return report


async def apply(kafka: Mapping[str, Any], user: str, by: str, reference: str, say: Say) -> Report:
    """Erase, and say in the audit trail that it was done: by whom and under which reference, not of whom.

    Safe to repeat, also after it was cut short. OperatorError when the brokers cannot be asked, or a worker took its
    partition back in the middle: what was committed by then stays, and the next run does the rest.
    """
    _check(user)
    async with _told():
        await _audit(kafka, by, reference, {"phase": "begun"})
        report = Report()
        for place in await _places(kafka):
            if await tables.find(kafka, place, user):
                changed = await tables.erase(kafka, place, user, DEAD_LETTERS, say)
                report.rows[place.table] = report.rows.get(place.table, 0) + changed
        report.letters = await letters.erase(kafka, DEAD_LETTERS, mentions(user), f"{APP_ID}-erasure")
        await _audit(kafka, by, reference, {"phase": "done", "rows": report.rows, "deadLetters": report.letters})
        return report


def _check(user: str) -> None:
    if not user.strip() or user == ANONYMOUS:
        raise OperatorError(f"{user!r} is nobody: name the user as events do, in userId")


async def _places(kafka: Mapping[str, Any]) -> list[Place]:
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        described = await admin.describe_topics([changelog(table) for table in ERASERS])
    finally:
        await admin.close()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    return [Place(table, number) for table in ERASERS for number in range(counts[changelog(table)])]


async def _audit(kafka: Mapping[str, Any], by: str, reference: str, parameters: Mapping[str, Any]) -> None:
    now = time.time_ns() // 1_000_000
    event = {
        "eventId": str(uuid4()),
        "eventType": "AuditAdminOperationEvent",
        "timestamp": now,
        "source": APP_ID,
        "version": "1.0.0",
        "userId": by,
        "operation": OPERATION,
        "target": reference,
        "targetType": "reference",
        "result": "SUCCESS",
        "parameters": dict(parameters),
    }
    record = record_of(codec.accept(event), event, codec.encode(event), now, None)
    async with AIOKafkaProducer(**kafka, acks="all", enable_idempotence=True) as producer:
        partition = partition_of(record.spread, len(await producer.partitions_for(record.topic)))
        await producer.send_and_wait(record.topic, record.value, record.key, partition, headers=record.headers)


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    try:
        yield
    except Fenced as error:
        raise OperatorError(
            "a worker took its partition back in the middle; nothing is half done: run the command again"
        ) from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise OperatorError(f"Kafka does not answer as it should: {type(error).__name__}: {error}") from error
