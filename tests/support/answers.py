"""What the service answers, held to what its topics hold."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from carbon_stream.contracts.catalog import TOPICS
from tests.support import brute_force
from tests.support.service import Service

DIMENSIONS = ("user", "service", "action", "resource", "result", "eventType")
NAMES = [topic.name for topic in TOPICS]


async def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer of `check`; an answer of an error status counts as none."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := check():
                return answer
        except OSError as error:
            answer = error
        assert time.monotonic() < deadline, f"not within {seconds} s: {answer!r}"
        await asyncio.sleep(0.05)


async def settled(service: Service, number: int = 1, seconds: float = 90.0, dataset: str | None = None) -> None:
    """Until the views of a process have everything that is on the topics now.

    Lineage and datasets are known by the answers about a `dataset` only.
    """
    now = int(time.time() * 1000)
    asked: list[tuple[str, dict[str, str]]] = [("/v1/audit/summary", {"by": "result"}), ("/v1/health/services", {})]
    if dataset is not None:
        asked += [("/v1/lineage", {"dataset": dataset}), (f"/v1/datasets/{quote(dataset, safe='')}", {})]
    for path, query in asked:
        try:
            await eventually(lambda path=path, query=query: service.get(path, number, **query)["asOf"] >= now, seconds)  # type: ignore[misc]
        except AssertionError as error:
            error.add_note(f"asked {path} of process {number}; the processes' last lines:\n{service.logs()}")
            raise


async def summaries_equal(service: Service, number: int = 1) -> dict[str, Any]:
    """Every grouping of the audit summary against a brute-force count over the topics; returns that count."""
    truth = brute_force.count(await brute_force.read(service.kafka.bootstrap_servers, NAMES))
    now = int(time.time() * 1000)
    span = {"from": now - 86_400_000, "to": now + 600_000}
    for by in DIMENSIONS:
        got = service.get("/v1/audit/summary", number, by=by, limit=1000, **span)
        assert {g["key"]: g["count"] for g in got["groups"]} == dict(truth["groups"][by]), by
        assert got["total"] == sum(truth["groups"][by].values()), by
        for group in got["groups"]:
            assert sum(group["results"].values()) == group["count"], (by, group)
    return truth
