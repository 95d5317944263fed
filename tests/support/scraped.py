"""A Prometheus that scrapes a service under the demo, and has the rules of deploy/: for tests and pictures."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import yaml
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.exports import example
from carbon_stream.demo.play import Play
from carbon_stream.local.ports import free_ports
from dashboards.board import VARIABLES, Board
from tests.support.processes import stop_all
from tests.support.prometheus import tool
from tests.support.service import ROOT, Service

DEADLINE_S = 90.0
DEPLOYED = "trino-coordinator"
_RULES = """
endpoints:
  lake: {{url: "http://127.0.0.1:{port}/lake"}}
rules:
  - name: loads-to-the-lake
    match: {{exact: {{eventType: DataIngestionEvent}}}}
    to: {{endpoint: lake}}
"""


def seen(folder: Path, foreign: int) -> dict[str, str]:
    """Settings of a service whose every metric has a series: names shown, and a rule that posts to `foreign`."""
    path = folder / "routing-rules.yaml"
    path.write_text(_RULES.format(port=foreign))
    return {
        "CARBON_STREAM_METRICS_NAMES": "users,resources",
        "CARBON_STREAM_RULES": str(path),
        "CARBON_STREAM_RULES_HOSTS": "127.0.0.1",
    }


class Prometheus:
    """A server of the test's own, asked by its HTTP interface."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/"

    def get(self, path: str, **query: str) -> Any:
        url = self._url + path + (f"?{urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=20) as answer:
            return orjson.loads(answer.read())["data"]

    def range(self, expression: str, seconds: int) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Each series of the last seconds, one a second: its labels, and (time, value)."""
        now = time.time()
        found = self.get("query_range", query=expression, start=str(now - seconds), end=str(now), step="1")["result"]
        return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in found]

    def values(self, expression: str) -> list[float]:
        """What an instant query gives, without what is no number."""
        found = self.get("query", query=expression)["result"]
        return [float(one["value"][1]) for one in found if one["value"][1] != "NaN"]


@contextmanager
def scraping(service: Service, foreign: int, folder: Path) -> Iterator[Prometheus]:
    """It scrapes and evaluates each second; the rules are those of deploy/, but for how often."""
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (port,) = free_ports(1)
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
            made = Prometheus(port)
            until(lambda: made.values("up == 1"), "a scrape", process, folder)
            yield made
            assert process.poll() is None, (folder / "log").read_text()
        finally:
            stop_all([process], 20)


def changed(service: Service, prometheus: Prometheus) -> None:
    """Once Prometheus knows of the services' last changes: one is deployed and configured anew."""
    deadline = time.monotonic() + DEADLINE_S
    while not prometheus.values('count(carbon_stream_service_changed_timestamp_seconds{kind="deployment"})'):
        assert time.monotonic() < deadline, "no scrape with the services' changes"
        time.sleep(0.5)
    service.post(changes())


def play(service: Service, *, rate: float = 60, count: int = 360) -> None:
    """A short day, twice, so that scrapes lie between its events; and what a short day may lack."""
    kafka = {"bootstrap_servers": service.kafka.bootstrap_servers}
    now = int(time.time() * 1000)
    events = ("AuditUserActionEvent", "DataQualityEvent")
    for minutes in (0, 1):  # a counter begins with its first scrape: a rate needs two
        for what, at in (("late", now - 3 * 3_600_000), ("ahead", now + 3_600_000)):
            service.post([{**example(name), "eventId": f"{what}-{minutes}", "timestamp": at} for name in events])
        service.post([{"eventType": "ServiceHealthEvent"}])
        asyncio.run(repeats_and_refusals(service))
        day = Play(service.url(), kafka, rate=rate, count=count, seed=11 + minutes, say=print)
        assert asyncio.run(day.run()).surprises == 0


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


def until(look: Callable[[], object], about: str, process: subprocess.Popen[bytes], folder: Path) -> None:
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


def everything(expression: str) -> str:
    """A query of a dashboard with all of its variables at All."""
    return re.sub("|".join(rf"\${name}\b" for name in VARIABLES), ".*", expression)


def asked(board: Board) -> dict[str, str]:
    """Every query of a dashboard with its variables at All, by panel and legend."""
    return {
        f"{panel.title}: {legend}": everything(expression)
        for panel in board.panels
        for legend, expression in panel.queries.items()
    }
