"""The benchmarks run and report what the README quotes. What they measure here means nothing."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


SIDE_BY_SIDE = (("backlog", "streaming", "latency", "memory"), ("counting", "http", "restore", "sdk"))


def run(parts: tuple[str, ...], written: Path) -> tuple[str, dict[str, Any]]:
    """What a quick run of some parts prints, and what it writes."""
    command = [sys.executable, "-m", "bench", "--quick", "--without-java", "--json", str(written), *parts]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=840, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, orjson.loads(written.read_bytes())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    """All parts, half of them at a time."""
    if is_there():
        built()
        SERIES["sdk"] |= NODE
        ASKED["sdk"] += 2
    written = tmp_path_factory.mktemp("bench")
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(run, parts, written / f"{parts[0]}.json") for parts in SIDE_BY_SIDE]
        return [each.result() for each in running]


@pytest.mark.timeout(900)
def test_every_part_reports_each_contender_and_what_is_asked_of_it(measured: list[tuple[str, dict[str, Any]]]) -> None:
    assert {name for _, document in measured for name in document["parts"]} == set(SERIES)
    for printed, document in measured:
        reports_everything(printed, document)


def reports_everything(printed: str, document: dict[str, Any]) -> None:
    assert document["options"]["repetitions"] == 1
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
