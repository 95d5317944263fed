"""Aged hours move into days on idle partitions, the worker is killed meanwhile, and no answer ever differs by one."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.names import changelog
from carbon_stream.projections.audit import DAY_MS, DIMENSIONS, HOUR_MS
from carbon_stream.views import audit as audit_view
from carbon_stream.views import reader as reader_module
from carbon_stream.views.audit import AuditView
from carbon_stream.views.reader import ChangelogReader
from tests.support.counting import Workers

pytestmark = pytest.mark.timeout(400)

PARTITIONS = 2
USERS = 120
TODAY = int(time.time() * 1000) // DAY_MS * DAY_MS
DAYS = (TODAY - 40 * DAY_MS, TODAY - 50 * DAY_MS)
RANGE = (TODAY - 100 * DAY_MS, TODAY + 2 * DAY_MS)


async def _topics(servers: str) -> str:
    """The topics of a stage whose changelog a view can be pointed at; returns the view's table."""
    table = f"{uuid.uuid4().hex[:8]}-audit"
    group = changelog(table).removesuffix("-audit-changelog")
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(f"{group}-a", PARTITIONS, 1, topic_configs={"message.timestamp.type": "LogAppendTime"}),
                NewTopic(f"{group}-dead", 1, 1),
                NewTopic(changelog(table), PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"}),
            ]
        )
    finally:
        await admin.close()
    return table


def _event(user: str, at: int) -> bytes:
    names = {"action": "READ", "resource": "prices", "resourceType": "dataset", "username": user, "ipAddress": "::1"}
    envelope = {"eventId": str(uuid.uuid4()), "eventType": "AuditUserActionEvent", "source": "trino", "timestamp": at}
    return orjson.dumps({**envelope, **names, "userId": user, "result": "SUCCESS", "details": {}})


async def _send(servers: str, topic: str, events: Sequence[tuple[str, int]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
        sent = [
            await producer.send(topic, _event(user, at), key=user.encode(), partition=n % PARTITIONS)
            for n, (user, at) in enumerate(events)
        ]
        await asyncio.gather(*sent)


class _Watch:
    """Asks the view for every dimension's total, one after the other, and keeps what was wrong."""

    def __init__(self, view: AuditView, total: int) -> None:
        self.view, self.total, self.asked = view, total, 0

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            is_last = False
            while not is_last:
                is_last = condition()
                for by in DIMENSIONS:
                    answer = await self.view.summary(by, *RANGE, 1_000)
                    assert answer["total"] == self.total, f"{by} after {self.asked} answers"
                    self.asked += 1


def _rows(view: AuditView) -> tuple[int, int]:
    """Rows of hours of users, and of their days."""
    days = view._days["user"].values()
    hours = [rows for day in days for hour in day.hours.values() for rows in hour.rows.values()]
    return sum(map(len, hours)), sum(len(rows) for day in days for rows in day.moved.values())


async def test_each_count_is_in_an_hour_or_in_a_day_for_every_reader(
    bootstrap_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # answers that give way at every row, and polls that cut what belongs together
    monkeypatch.setattr(audit_view, "_ROWS_BETWEEN_LOOKS", 1)
    monkeypatch.setattr(audit_view, "_SLICE_S", 0.0002)
    monkeypatch.setattr(reader_module, "_SLICE_S", 0.0)
    monkeypatch.setattr(reader_module, "_POLL_RECORDS_MAX", 37)
    table = await _topics(bootstrap_servers)
    group = changelog(table).removesuffix("-audit-changelog")
    workers = Workers(group, bootstrap_servers, tmp_path, Path(__file__).with_name("aging_app.py"))
    events = [(f"u{n % USERS}", day + n // USERS * HOUR_MS) for day in DAYS for n in range(USERS * 24)]
    view = AuditView()
    view.table = table
    reader = ChangelogReader({"bootstrap_servers": bootstrap_servers}, [view])
    try:
        workers.start(1, SWEEP="")
        await _send(bootstrap_servers, f"{group}-a", events)
        await reader.start()
        async with asyncio.timeout(60):
            while (await view.summary("user", *RANGE, 1))["total"] < len(events):
                await asyncio.sleep(0.1)
        workers.kill(1)
        assert _rows(view) == (len(events), 0)
        watch = _Watch(view, len(events))
        workers.start(2, SWEEP="yes")
        await watch.until(lambda: _rows(view)[1] > 20)
        workers.kill(2)
        hours, _ = _rows(view)
        assert hours, "killed in the middle"
        workers.start(3, SWEEP="yes")
        await watch.until(lambda: not _rows(view)[0])
        assert _rows(view)[1] == len(DAYS) * USERS
        assert watch.asked > 50

        await _send(bootstrap_servers, f"{group}-a", [("u1", DAYS[0]), ("u2", DAYS[1] + HOUR_MS)])
        async with asyncio.timeout(90):
            while (await view.summary("user", *RANGE, 1))["total"] < len(events) + 2 or _rows(view)[0]:
                await asyncio.sleep(0.05)
        await _Watch(view, len(events) + 2).until(lambda: True)
    finally:
        await reader.stop()
        workers.stop()
