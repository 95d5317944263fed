"""The rules are true: to the list of metrics, to their runbooks, and, in promtool's judgement, to what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from carbon_stream.cli import main
from tests.support.prometheus import tool
from tests.support.promql import series_of_metrics, unknown

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
GROUPS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules.test.yaml").read_text())["tests"]


def known() -> dict[str, set[str]]:
    """A recorded series is named after the labels that it keeps: `topic_path:…`."""
    of_records = {name: set(name.split(":")[0].split("_")) for name in RECORDED}
    return {**series_of_metrics(), **of_records}


def run(*arguments: str) -> None:
    done = subprocess.run([tool("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules() -> None:
    run("check", "rules", "rules.yaml")


def test_every_alert_fires_when_it_should_and_not_when_it_should_not() -> None:
    run("test", "rules", "rules.test.yaml")


def test_every_alert_has_a_test_in_which_it_fires_and_something_that_must_not_fire_it() -> None:
    fires: set[str] = set()
    rests: set[str] = set()
    for test in TESTS:
        for case in test["alert_rule_test"]:
            (fires if case["exp_alerts"] else rests).add(case["alertname"])
            # Beside a series by which it fires stands another that has the same name and does not fire it.
            names = [series["series"].split("{")[0] for series in test["input_series"]]
            if len(case["exp_alerts"]) < max(names.count(name) for name in names):
                rests.add(case["alertname"])
    assert fires == rests == set(ALERTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_only_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"], known()) == []


def test_names_that_are_not_there_are_found() -> None:
    assert unknown("carbon_stream_evnts_total > 0", known()) == ["carbon_stream_evnts_total"]
    assert unknown('carbon_stream_events_total{kind="x"} > 0', known()) == ["carbon_stream_events_total{kind}"]
    assert unknown("sum by (table) (carbon_stream_events_total)", known()) == ["by (table)"]
    assert unknown("topic:carbon_stream_none:min > 0", known()) == ["topic:carbon_stream_none:min"]


def test_every_recorded_series_is_used() -> None:
    dashboards = "".join(path.read_text() for path in (ROOT / "deploy").rglob("*.json"))
    used = "".join(rule["expr"] for rule in RULES) + dashboards
    assert [name for name in RECORDED if name not in used] == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_matters(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.iterdir()} == set(ALERTS)


def commands(text: str) -> Iterator[list[str]]:
    """Our own commands in a page, in code blocks and between backquotes."""
    for line in re.findall(r"(?:^|-- |`)carbon-stream ([^`\n|]+)", text, re.MULTILINE):
        yield shlex.split(line)


def resolve(words: list[str]) -> None:
    """Fails unless these are a command of ours with options that it has; runs nothing."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context("carbon-stream", list(words))


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_has_its_parts_and_commands_that_are_ours(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert re.findall("^#+ (.*)$", text, re.MULTILINE) == [name, "What it means", "How to look", "What to do"]
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if not (RUNBOOKS / link).is_file()] == []
    for words in commands(text):
        resolve(words)


@pytest.mark.parametrize("name", ALERTS)
def test_a_query_in_a_runbook_names_only_what_there_is(name: str) -> None:
    for block in re.findall("```\n(.*?)```", (RUNBOOKS / f"{name}.md").read_text(), re.DOTALL):
        for line in block.splitlines():
            if not re.match("kubectl|kafka-|curl", line):
                assert unknown(line, known()) == [], line


def test_the_scrape_configuration_is_taken_and_its_jobs_are_those_of_the_rules() -> None:
    run("check", "config", "prometheus.yaml")
    jobs = {job["job_name"] for job in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]}
    assert jobs == {f"carbon-stream-{role}" for role in ("ingest", "query", "worker")}
    assert all(re.search(ALERTS["CarbonStreamDown"]["expr"].split('"')[1], job) for job in jobs)


def test_the_service_monitor_selects_the_services_and_their_port() -> None:
    monitor = yaml.safe_load((FOLDER / "servicemonitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["endpoints"]
    for role in ("ingest", "query", "worker"):
        objects = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "base" / f"{role}.yaml").read_text())
        (service,) = (each for each in objects if each["kind"] == "Service")
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert service["metadata"]["namespace"] in monitor["spec"]["namespaceSelector"]["matchNames"]


def test_the_pod_monitor_selects_the_pods_and_names_their_jobs_as_the_rules_do() -> None:
    monitor = yaml.safe_load((FOLDER / "podmonitor.yaml").read_text())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    (relabeling,) = endpoint["relabelings"]
    for role in ("ingest", "query", "worker"):
        objects = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "base" / f"{role}.yaml").read_text()))
        (pods,) = (each["spec"]["template"] for each in objects if each["kind"] in ("Deployment", "StatefulSet"))
        labels = pods["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert endpoint["port"] in {p["name"] for c in pods["spec"]["containers"] for p in c["ports"]}
        assert relabeling["replacement"].replace("$1", labels["app.kubernetes.io/component"]) == f"carbon-stream-{role}"
