"""Every query of every dashboard, asked of a real Prometheus that has scraped the real service under the demo.

Kong's and Istio's own metrics come from a small exporter of their documented names: neither runs here.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.exports import example
from carbon_stream.demo.play import Play
from carbon_stream.local.ports import free_ports
from dashboards.__main__ import BOARDS
from dashboards.board import CHANGES, VARIABLES, Board, change_query
from tests.integration.service.conftest import MakeService
from tests.support.foreign_metrics import exporter
from tests.support.processes import stop_all
from tests.support.prometheus import tool
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.timeout(400)

DEADLINE_S = 90.0
DEPLOYED = "trino-coordinator"
MART = "iceberg/marts/carbon_exposure"


class Prometheus:
    """A server of the test's own, asked by its HTTP interface."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, path: str, **query: str) -> Any:
        url = self._url + path + (f"?{urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=20) as answer:
            return orjson.loads(answer.read())["data"]

    def values(self, expression: str) -> list[float]:
        """What an instant query gives, without what is no number."""
        found = self.get("query", query=expression)["result"]
        return [float(one["value"][1]) for one in found if one["value"][1] != "NaN"]


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    tool("prometheus")  # where it is missing, nothing need be started
    made = make_service()
    made.start()
    made.wait_ready()
    return made


@pytest.fixture(scope="module")
def prometheus(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """It scrapes and evaluates each second; the rules are those of deploy/, but for how often."""
    folder = tmp_path_factory.mktemp("prometheus")
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (port,) = free_ports(1)
    with exporter() as foreign:
        jobs = {"carbon-stream-worker": service.ports[1], "gateway-and-mesh": foreign}
        scrapes = [
            {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{number}"]}]}
            for job, number in jobs.items()
        ]
        everything = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["rules.yaml"]}
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({**everything, "scrape_configs": scrapes}))
        command = [tool("prometheus"), f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, cwd=folder
            )
            try:
                play(service)
                made = Prometheus(port)
                scraped = 'count(carbon_stream_service_changed_timestamp_seconds{kind="deployment"})'
                until(lambda: made.values(scraped), "a scrape with the services' changes", process, folder)
                service.post(changes())
                yield made
            finally:
                stop_all([process], 20)


def play(service: Service) -> None:
    """A short day over some seconds, so that scrapes lie between its events; and what a short day may lack."""
    kafka = {"bootstrap_servers": service.kafka.bootstrap_servers}
    late = int(time.time() * 1000) - 3 * 3_600_000
    events = ("AuditUserActionEvent", "DataQualityEvent")
    for minutes in (0, 1):  # a counter begins with its first scrape: a rate needs two
        service.post([{**example(name), "eventId": f"late-{minutes}", "timestamp": late} for name in events])
        service.post([{"eventType": "ServiceHealthEvent"}])
        asyncio.run(repeats_and_refusals(service))
        assert (
            asyncio.run(Play(service.url(), kafka, rate=60, count=360, seed=11 + minutes, say=print).run()).surprises
            == 0
        )


async def repeats_and_refusals(service: Service) -> None:
    """On a topic of each group, an event twice and a record that is none: by Kafka, where no door keeps them out."""
    producer = AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers, acks="all")
    await producer.start()
    try:
        for name in ("AuditUserActionEvent", "DataQualityEvent", "ServiceHealthEvent"):
            topic = BY_EVENT_TYPE[name].name
            twice = orjson.dumps({**example(name), "eventId": "twice", "timestamp": int(time.time() * 1000)})
            for value in (twice, twice, b"{"):
                await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


def changes() -> list[dict[str, Any]]:
    """One service is deployed, and its configuration changed, while Prometheus looks."""
    now = int(time.time() * 1000)
    named = {"namespace": "data-platform", "timestamp": now}
    return [
        {**example("DeploymentEvent"), **named, "eventId": "deployed-again", "deploymentName": DEPLOYED},
        {**example("ConfigChangeEvent"), **named, "eventId": "changed-again", "component": DEPLOYED},
    ]


def until(look: Any, about: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            if look():
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"{about} did not come")


def asked(board: Board) -> dict[str, str]:
    """Every query of a dashboard with its variables at All, by panel and legend."""
    return {
        f"{panel.title}: {legend}": re.sub("|".join(rf"\${name}\b" for name in VARIABLES), ".*", expression)
        for panel in board.panels
        for legend, expression in panel.queries.items()
    }


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
