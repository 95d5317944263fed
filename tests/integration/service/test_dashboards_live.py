"""Every query of every dashboard, asked of a real Prometheus that has scraped the real service under the demo.

Kong's and Istio's own metrics come from a small exporter of their documented names: neither runs here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.__main__ import BOARDS
from dashboards.board import CHANGES, VARIABLES, Board, change_query
from tests.integration.service.conftest import MakeService
from tests.support.foreign_metrics import exporter
from tests.support.prometheus import tool
from tests.support.scraped import DEADLINE_S, Prometheus, asked, changed, play, scraping, seen
from tests.support.service import Service

pytestmark = pytest.mark.timeout(400)

MART = "iceberg/marts/carbon_exposure"


@pytest.fixture(scope="module")
def foreign() -> Iterator[int]:
    """The port of the gateway's and the mesh's metrics, where rules post to as well."""
    with exporter() as port:
        yield port


@pytest.fixture(scope="module")
def service(make_service: MakeService, foreign: int, tmp_path_factory: pytest.TempPathFactory) -> Service:
    tool("prometheus")  # where it is missing, nothing need be started
    made = make_service(**seen(tmp_path_factory.mktemp("rules"), foreign))
    made.start()
    made.wait_ready()
    return made


@pytest.fixture(scope="module")
def prometheus(service: Service, foreign: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(service, foreign, tmp_path_factory.mktemp("prometheus")) as made:
        play(service)
        changed(service, made)
        yield made


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_of_a_dashboard_returns_data(board: Board, prometheus: Prometheus) -> None:
    left = asked(board)
    deadline = time.monotonic() + DEADLINE_S
    while left and time.monotonic() < deadline:
        left = {name: expression for name, expression in left.items() if not prometheus.values(expression)}
        time.sleep(0.5)
    assert left == {}


def test_what_is_shown_of_the_platform_is_what_queries_answer(service: Service, prometheus: Prometheus) -> None:
    counted = 'sum(max by (key, result) (carbon_stream_audited_last_hour_events{by="eventType"}))'
    (edges,) = prometheus.values("max(carbon_stream_lineage_edges)")
    graph = service.get("/v1/lineage", dataset=MART, direction="both", depth=10)
    assert 0 < len(graph["edges"]) <= edges
    deadline = time.monotonic() + DEADLINE_S
    lately: dict[str, Any] = {"from": int(time.time() * 1000) - 3_500_000}
    total = service.get("/v1/audit/summary", 1, by="eventType", **lately)["total"]
    while (shown := prometheus.values(counted)) != [total]:
        assert time.monotonic() < deadline, shown
        time.sleep(0.5)
    assert MART in {one["dataset"] for one in scores(prometheus)}


def scores(prometheus: Prometheus) -> list[dict[str, str]]:
    found = prometheus.get("query", query="carbon_stream_quality_check_score_ratio")["result"]
    return [one["metric"] for one in found]


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_has_values(variable: str, prometheus: Prometheus) -> None:
    match = re.fullmatch(r"label_values\((.+), (\w+)\)", VARIABLES[variable])
    assert match is not None
    series = re.sub(r"\$\w+", ".*", match[1])
    assert prometheus.get(f"label/{match[2]}/values", **{"match[]": series})


@pytest.mark.parametrize("kind", CHANGES)
def test_changes_are_annotated(kind: str, prometheus: Prometheus) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not prometheus.values(change_query(kind)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert prometheus.values(change_query(kind))


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 20
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"} == {}
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    assert [name for name in recorded if not prometheus.values(f'{{__name__="{name}"}}')] == []
