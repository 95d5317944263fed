"""The benchmarks run and report what the README quotes. What they measure here means nothing."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.node import built, is_there

ROOT = Path(__file__).parents[2]
SERIES = {
    "streaming": {
        "audit agent, all its work",
        "audit agent and the shipped rules",
        "plain Faust agent, nothing",
        "plain Faust agent, table",
        "bare getmany + orjson",
    },
    "counting": {"stage, counting by key"},
    "backlog": {"one worker", "two workers"},
    "http": {
        "single events",
        "single events at half that pace",
        "handler that does nothing",
        "batches of 500",
        "loop of producer.send",
    },
    "latency": set(),
    "memory": set(),
    "restore": {"bare getmany, committed", "stage, into memory", "stage, into RocksDB", "views, audit"},
    "sdk": {
        "producer library",
        "bare librdkafka, events made by hand",
        "bare librdkafka, prepared bytes",
        "producer library, asyncio",
        "bare aiokafka, prepared bytes",
    },
}
NODE = {
    "Node.js producer library",
    "bare @platformatic/kafka, events made by hand",
    "bare @platformatic/kafka, prepared bytes",
}
ASKED = {
    "streaming": 2,
    "counting": 2,
    "backlog": 1 + ((os.cpu_count() or 1) >= 6),
    "http": 3,
    "latency": 0,
    "memory": 4,
    "restore": 4,
    "sdk": 3,
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a quick run of all parts prints, and what it writes."""
    if is_there():
        built()
        SERIES["sdk"] |= NODE
        ASKED["sdk"] += 2
    written = tmp_path_factory.mktemp("bench") / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--without-java", "--json", str(written)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, orjson.loads(written.read_bytes())


@pytest.mark.timeout(900)
def test_every_part_reports_each_contender_and_what_is_asked_of_it(measured: tuple[str, dict[str, Any]]) -> None:
    printed, document = measured
    assert document["options"]["repetitions"] == 1
    assert set(document["parts"]) == set(SERIES)
    for name, part in document["parts"].items():
        assert f"== {name}" in printed
        assert {series["name"] for series in part["series"]} == SERIES[name]
        for series in part["series"]:
            assert series["perSecond"] > 0
            assert len(series["samples"]) == 1
        figures = part["figures"]
        assert figures
        assert all(figure["value"] > 0 and figure["name"] in printed for figure in figures)
        assert sum(figure["met"] is not None for figure in figures) == ASKED[name]
