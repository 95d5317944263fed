"""The dashboards in deploy/ are those of the code, ask for what there is, and Prometheus takes every query."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from carbon_stream.observability.metrics import METRICS
from dashboards.__main__ import BOARDS, FOLDER, texts
from dashboards.board import CHANGES, VARIABLES, Board, change_query
from tests.support.prometheus import tool
from tests.support.promql import selectors, series_of_metrics, unknown

RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER.parents[1] / "prometheus" / "rules.yaml").read_text())["groups"]
RECORDED = {rule["record"] for group in RULES for rule in group["rules"] if "record" in rule}
KNOWN = series_of_metrics() | {name: set(name.split(":")[0].split("_")) for name in RECORDED}
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def test_the_files_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert committed == texts(), "python -m dashboards"


@each_board
def test_a_dashboard_asks_only_for_metrics_and_labels_that_there_are(board: Board) -> None:
    for panel in board.panels:
        for expression in panel.queries.values():
            assert unknown(expression, KNOWN) == [], panel.title
            assert set(re.findall(r"\$(\w+)", expression)) <= set(board.variables), panel.title


@each_board
def test_every_panel_has_description_unit_thresholds_and_the_links_are_there(board: Board) -> None:
    document = json.loads(texts()[f"{board.uid}.json"])
    assert len(document["panels"]) == len(board.panels) == len({panel.title for panel in board.panels})
    for panel in document["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"].endswith(".")
        assert defaults["unit"]
        assert defaults["thresholds"]["steps"]
    assert [link["tags"] for link in document["links"]] == [document["tags"]]
    assert {variable["name"] for variable in document["templating"]["list"]} == {"datasource", *board.variables}


def test_every_metric_is_in_a_panel() -> None:
    asked = [text for board in BOARDS for panel in board.panels for text in panel.queries.values()]
    recorded = {rule["record"]: rule["expr"] for group in RULES for rule in group["rules"] if "record" in rule}
    asked += [expr for name, expr in recorded.items() if any(name in text for text in asked)]
    asked += map(change_query, CHANGES)
    named = {name for text in asked for name, _ in selectors(text)}
    series = {metric.name: {name for name in series_of_metrics() if of(name, metric.name)} for metric in METRICS}
    assert {name for name, those in series.items() if not those & named} == set()


def of(series: str, metric: str) -> bool:
    return series in (metric, *(f"{metric}_{part}" for part in ("bucket", "count", "sum")))


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    expressions = [text for board in BOARDS for panel in board.panels for text in panel.queries.values()]
    plain = [re.sub("|".join(rf"\${name}\b" for name in VARIABLES), ".*", text) for text in expressions]
    rules = [{"record": f"query_number_{number}", "expr": text} for number, text in enumerate(plain)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_gets_every_dashboard() -> None:
    made = yaml.safe_load((FOLDER.parent / "kustomization.yaml").read_text())
    assert made["generatorOptions"]["labels"]["grafana_dashboard"] == "1"
    named = {file for each in made["configMapGenerator"] for file in each["files"]}
    assert named == {f"dashboards/{name}" for name in texts()}
