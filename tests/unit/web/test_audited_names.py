"""Names of people and of what they used are on /metrics, which anybody may read, only where an operator wants it so."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from carbon_stream.observability import platform_gauges as gauges
from carbon_stream.observability.instruments import REGISTRY
from carbon_stream.settings import Settings, SettingsError
from carbon_stream.views.audit import AuditView
from carbon_stream.views.datasets import DatasetsView
from carbon_stream.views.freshness import Freshness
from carbon_stream.views.health import HealthView
from carbon_stream.views.lineage import LineageView
from carbon_stream.web.platform_metrics import NAMES_MAX, Platform

HOUR_MS, MINUTE_MS = 3_600_000, 60_000


@pytest.fixture(autouse=True)
def nothing_shown_yet() -> Iterator[None]:
    """The gauge is the process's: whatever ran before may have shown something."""
    gauges.AUDITED.clear()
    yield
    gauges.AUDITED.clear()


def put(view: AuditView, kind: str, entity: str | None, count: int) -> None:
    now = int(time.time() * 1000)
    hour, minute = now // HOUR_MS * HOUR_MS, now % HOUR_MS // MINUTE_MS
    key = (kind, hour) if entity is None else (kind, hour, entity)
    view.apply(0, key, {"v": 1, "t": now, "c": {f"{minute}D": count}, "s": {}})


def view() -> AuditView:
    made = AuditView()
    for number in range(NAMES_MAX + 5):
        put(made, "user", f"user-{number}", 1 + number)
    put(made, "user", None, 1_000)
    put(made, "resource", "report-7", 3)
    put(made, "service", "trino", 9)
    return made


async def shown(*names: str) -> dict[tuple[str, str], float]:
    freshness = Freshness({"bootstrap_servers": "127.0.0.1:1"})
    await Platform(view(), HealthView(), DatasetsView(), LineageView(), freshness, names).show()
    (family,) = [one for one in REGISTRY.collect() if one.name == "carbon_stream_audited_last_hour_events"]
    return {(one.labels["by"], one.labels["key"]): one.value for one in family.samples if one.value}


async def test_nobody_is_named_unless_asked_for() -> None:
    assert await shown() == {("service", "trino"): 9}


async def test_resources_alone_can_be_asked_for() -> None:
    assert await shown("resources") == {("service", "trino"): 9, ("resource", "report-7"): 3}


async def test_the_users_with_the_most_are_named_and_those_not_counted_apart_are_no_user() -> None:
    found = {key: count for (by, key), count in (await shown("users", "resources")).items() if by == "user"}
    assert found == {f"user-{number}": 1 + number for number in range(6, NAMES_MAX + 5)}, "one place is theirs"


def test_the_setting_knows_two_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().metrics_names == ()
    monkeypatch.setenv("CARBON_STREAM_METRICS_NAMES", "users, resources")
    assert Settings.load().metrics_names == ("users", "resources")
    monkeypatch.setenv("CARBON_STREAM_METRICS_NAMES", "everybody")
    with pytest.raises(SettingsError, match="give users, resources or both"):
        Settings.load()
