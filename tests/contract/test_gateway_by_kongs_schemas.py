"""Kong's own schemas judge every body that bootstrap would send: those of Kong 3.0, run by goks from Go.

`make judge` builds the judge (seconds, with Go) and runs this; without it the test says so and is skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.bootstrap.gateway.desired import wanted_entities
from carbon_stream.bootstrap.gateway.entities import Info, State, revealed
from carbon_stream.bootstrap.gateway.plan import make_plan
from carbon_stream.bootstrap.gateway.secrets import masked_references
from carbon_stream.bootstrap.gateway.values import load_gateway

FOLDER = Path(os.environ.get("CARBON_STREAM_KONG_JUDGE", Path(__file__).parents[2] / ".tools" / "kong-judge"))
Judge = Callable[[Sequence[dict[str, Any]]], list[str]]


@pytest.fixture
def judge() -> Judge:
    """The folder has the program `judge`, and `sources`, a line that says where goks' own files are."""
    if not (FOLDER / "judge").is_file():
        pytest.skip(f"NOT JUDGED BY KONG'S SCHEMAS: there is no {FOLDER}/judge; `make judge` builds it, with Go")
    sources = (FOLDER / "sources").read_text().strip()

    def ask(entities: Sequence[dict[str, Any]]) -> list[str]:
        lines = "".join(json.dumps(each) + "\n" for each in entities)
        command = [str(FOLDER / "judge"), sources]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
        answers = done.stdout.splitlines()
        assert len(answers) == len(entities)
        return answers

    return ask


def test_every_body_is_one_that_kong_takes(judge: Judge, tmp_path: Path) -> None:
    plain = load_gateway()
    overlay = tmp_path / "all.yaml"
    overlay.write_text(json.dumps({"plugins": {name: {"enabled": True} for name in plain.plugins}}))
    gateway = load_gateway([overlay])
    state = State(Info((3, 0), has_database=True))
    actions = make_plan(wanted_entities(gateway, masked_references), state, tag=gateway.tag).actions
    judged = [action for action in actions if action.key.kind in ("services", "routes", "plugins")]
    answers = judge([{"kind": action.key.kind, "body": revealed(action.body)} for action in judged])
    assert {str(action.key): answer for action, answer in zip(judged, answers, strict=True) if answer != "ok"} == {}
    assert len(judged) == 105


def test_the_judge_can_refuse(judge: Judge) -> None:
    plugin = {"name": "cors", "config": {"origin": ["x"]}, "enabled": True, "protocols": ["http"]}
    answers = judge(
        [
            {"kind": "plugins", "body": plugin},
            {"kind": "routes", "body": {"name": "x", "paths": ["api"]}},
            {"kind": "services", "body": {"name": "x", "host": "h", "port": 70_000}},
        ]
    )
    assert [json.loads(answer).keys() & {"config", "paths", "port"} for answer in answers] == [
        {"config"},
        {"paths"},
        {"port"},
    ]
