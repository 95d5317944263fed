"""What the views know of the platform, as metrics: asked of them every quarter of a minute, as queries ask."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from carbon_stream.observability import platform_gauges as gauges
from carbon_stream.observability.platform_gauges import Series
from carbon_stream.query.answers import in_slices
from carbon_stream.query.times import HOUR_MS, MINUTE_MS
from carbon_stream.views.audit import AuditView
from carbon_stream.views.datasets import DatasetsView
from carbon_stream.views.freshness import Freshness
from carbon_stream.views.health import HealthView
from carbon_stream.views.lineage import LineageView

EVERY_S: Final = 15.0
GROUPS_MAX: Final = 30
NAMES_MAX: Final = 20
SERVICES_MAX: Final = 200
DATASETS_MAX: Final = 200
CHECKS_MAX: Final = 500
JOBS_MAX: Final = 200
_S: Final = 1_000

log = logging.getLogger(__name__)
Values = dict[tuple[str, ...], float]


class Platform:
    """Shows what these views know; `names` of audited people and things, "users" and "resources", only where asked."""

    def __init__(
        self,
        audit: AuditView,
        health: HealthView,
        datasets: DatasetsView,
        lineage: LineageView,
        freshness: Freshness,
        names: Collection[str] = (),
    ) -> None:
        self._audit, self._health, self._datasets, self._lineage = audit, health, datasets, lineage
        self._freshness = freshness
        self._bounds = dict.fromkeys(("service", "action", "eventType"), GROUPS_MAX)
        self._bounds |= {name.removesuffix("s"): NAMES_MAX for name in names}
        self._audited, self._calls = Series(gauges.AUDITED), Series(gauges.AUDITED_CALLS)
        self._availability, self._errors = Series(gauges.AVAILABILITY), Series(gauges.ERRORS)
        self._latency, self._changed = Series(gauges.LATENCY), Series(gauges.CHANGED)
        self._records, self._loaded = Series(gauges.LOADED_RECORDS), Series(gauges.LOADED_AT)
        self._quality, self._failed = Series(gauges.QUALITY), Series(gauges.FAILED_JOBS)

    async def show(self) -> None:
        """Set all of them."""
        await self._show_audit(int(time.time() * _S))
        await self._show_health(self._freshness.as_of(HealthView.table))
        await self._show_datasets(self._freshness.as_of(DatasetsView.table))
        gauges.LINEAGE_DATASETS.set(sum(1 for _ in self._lineage.datasets()))
        gauges.LINEAGE_EDGES.set(self._lineage.edge_count())

    async def _show_audit(self, now: int) -> None:
        end = -(-now // MINUTE_MS) * MINUTE_MS
        values: Values = {}
        calls: Values = {}
        for by, most in self._bounds.items():
            for group in (await self._audit.summary(by, end - HOUR_MS, end, most))["groups"]:
                if group.get("overflow"):
                    continue  # all that are not counted apart: nobody's name
                for result, count in group["results"].items():
                    values[by, group["key"], result] = count
                if by == "service":
                    calls |= {(group["key"], status): count for status, count in group["statusClasses"].items()}
        self._audited.show(values)
        self._calls.show(calls)

    async def _show_health(self, as_of: int) -> None:
        names = self._health.services()[:SERVICES_MAX]
        found = [one for one in await in_slices(self._health.summary(name, as_of) for name in names) if one]
        by_name = {(one["namespace"], one["service"]): one for one in found}
        self._availability.show(_windows(by_name, "availability"))
        self._errors.show(_windows(by_name, "errorRate"))
        self._latency.show({key: ms / _S for key, ms in _windows(by_name, "latencyMs").items()})
        changed: Values = {}
        for name, one in by_name.items():
            if "lastDeployment" in one:
                changed[*name, "deployment"] = one["lastDeployment"]["at"] / _S
            if (at := self._health.config_changed_at(name)) is not None:
                changed[*name, "configuration"] = at / _S
        self._changed.show(changed)

    async def _show_datasets(self, as_of: int) -> None:
        records: Values = {}
        loaded: Values = {}
        quality: Values = {}
        jobs: dict[str, tuple[int, bool]] = {}
        names = sorted(self._datasets.datasets())[:DATASETS_MAX]
        for name, load in await in_slices((name, self._datasets.ingestion(name, as_of)) for name in names):
            if load["last"] is not None:
                records[name,] = load["recordCount24h"]
                loaded[name,] = load["last"]["at"] / _S
            for check in self._datasets.checks(name):
                if check["score"] is not None and len(quality) < CHECKS_MAX:
                    quality[name, check["checkName"]] = check["score"]
            for run in self._datasets.transformations(name):
                known = jobs.get(run["job"])
                if (known is None and len(jobs) < JOBS_MAX) or (known is not None and known[0] < run["at"]):
                    jobs[run["job"]] = (run["at"], run["status"] == "FAILURE")
        self._records.show(records)
        self._loaded.show(loaded)
        self._quality.show(quality)
        self._failed.show({(job,): failed for job, (_, failed) in jobs.items()})


def _windows(services: dict[tuple[str, str], dict[str, Any]], of: str) -> Values:
    return {
        (*name, window): value
        for name, one in services.items()
        for window, value in one[of].items()
        if value is not None
    }


def platform_metrics(
    platform: Platform, ready: asyncio.Event, every_s: float = EVERY_S
) -> Callable[[web.Application], AsyncIterator[None]]:
    """An aiohttp cleanup context that keeps them current, from when the views are loaded."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_repeat(platform, ready, every_s), name="platform metrics")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


async def _repeat(platform: Platform, ready: asyncio.Event, every_s: float) -> None:
    await ready.wait()
    while True:
        try:
            await platform.show()
        except Exception:
            log.exception("the platform's metrics could not be shown, trying again in %g s", every_s)
        await asyncio.sleep(every_s)
