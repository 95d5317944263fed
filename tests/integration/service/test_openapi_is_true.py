"""schemathesis reads /openapi.json and finds no request that is answered otherwise than the document says.

It runs against the whole service with real rows in its views, with every check it has, bounded and seeded.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from carbon_stream.demo.banner import banner
from carbon_stream.demo.cast import DASHBOARD
from carbon_stream.demo.play import Play
from carbon_stream.settings import Settings
from tests.integration.service.conftest import MakeService
from tests.support.answers import settled
from tests.support.described import document_with_examples, only_for_a_second
from tests.support.service import Service

pytestmark = pytest.mark.timeout(400)

TOKEN = "s3cret-for-tests"


@pytest.fixture(scope="module")
def played(make_service: MakeService) -> Service:
    """A service that has seen a short day."""
    # A schema cannot say that an id, once taken, is only good for the very same event.
    service = make_service(CARBON_STREAM_ADMIN_TOKEN=TOKEN, CARBON_STREAM_REPEAT_WINDOW_EVENTS="0")
    service.start()
    service.wait_ready()
    kafka = {"bootstrap_servers": service.kafka.bootstrap_servers}
    tally = asyncio.run(Play(service.url(), kafka, rate=0, count=600, seed=3, say=print).run())
    assert tally.surprises == 0
    asyncio.run(settled(service, dataset=DASHBOARD))
    return service


def test_the_three_lines_that_dev_prints_show_something(played: Service) -> None:
    settings = Settings(http_port=played.ports[1])
    lines = re.findall(r"curl -s '?(http\S+?)'? \|", banner(settings))
    assert [urlsplit(line).netloc for line in lines] == [f"127.0.0.1:{played.ports[1]}"] * 3
    users, health, lineage = (played.get(line.removeprefix(played.url())) for line in lines)
    assert len(users["groups"]) == 5
    assert [change["action"] for change in health["deployments"]] == ["ROLLBACK", "DEPLOY"]
    assert {"s3://lake/raw/trades", "s3://lake/raw/weather"} <= {node["id"] for node in lineage["nodes"]}
    assert any(edge["columns"] for edge in lineage["edges"])


def document_file(service: Service, folder: Path, types: int | None = None) -> Path:
    file = folder / f"openapi-{types}.json"
    file.write_text(json.dumps(document_with_examples(service, types)))
    return file


def run_schemathesis(service: Service, document: Path, *options: str) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", service.url()),
        *("--checks", "all", "--seed", "1", "--continue-on-failure", "--no-color", "--warnings", "off"),
        *("-H", f"Authorization: Bearer {TOKEN}", "--request-timeout", "30", "--output-truncate", "true"),
        *options,
    ]
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(document.parent / "hypothesis")}
    done = subprocess.run(
        command, cwd=document.parent, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    lines = [line[:400] for line in (done.stdout + done.stderr).splitlines()]
    assert done.returncode == 0, "\n".join(lines)


STREAM = "/v1/events/stream"
FORMATS = ("/api/v1/lineage", "/api/v1/lineage/batch", "/v1/sources/kong")


def test_no_query_is_answered_otherwise_than_described(played: Service, tmp_path: Path) -> None:
    ingest = [option for path in ("/v1/events", STREAM, *FORMATS) for option in ("--exclude-path", path)]
    run_schemathesis(played, document_file(played, tmp_path), *ingest, "--max-examples", "15")


def test_no_stream_is_answered_otherwise_than_described(played: Service, tmp_path: Path) -> None:
    """Each for a second: without an end, a stream has no answer that could be checked."""
    file = document_file(played, tmp_path)
    document = json.loads(file.read_text())
    only_for_a_second(document["paths"][STREAM]["get"])
    file.write_text(json.dumps(document))
    bounds = ("--phases", "examples,fuzzing", "--mode", "positive", "--max-examples", "3")
    run_schemathesis(played, file, "--include-path", STREAM, *bounds)


def test_no_other_format_is_answered_otherwise_than_described(played: Service, tmp_path: Path) -> None:
    """What the document promises of them is taken. More is taken than it says, since they are open to anything
    further; what is refused is held by tests of their own.
    """
    formats = [option for path in FORMATS for option in ("--include-path", path)]
    bounds = ("--max-examples", "15", "--suppress-health-check", "filter_too_much")
    document = document_file(played, tmp_path)
    run_schemathesis(played, document, *formats, *bounds, "--phases", "examples,fuzzing", "--mode", "positive")


def test_no_event_is_answered_otherwise_than_described(played: Service, tmp_path: Path) -> None:
    run_schemathesis(
        *(played, document_file(played, tmp_path), "--include-path", "/v1/events"),
        *("--phases", "examples,fuzzing", "--max-examples", "150"),
    )


def test_no_bound_of_a_field_is_other_than_described(played: Service, tmp_path: Path) -> None:
    """Every bound and every type of every field, for a few event types: for all of them it takes minutes."""
    run_schemathesis(
        *(played, document_file(played, tmp_path, types=2), "--include-path", "/v1/events"),
        *("--phases", "coverage", "--max-examples", "1"),
    )
