"""Somebody who does what a page of the documentation says, against a service of the test's own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.support.node import built, clean_environment, is_there, run_script
from tests.support.pages import Block
from tests.support.service import Service

TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# What is the reader's own in the examples: a request, a framework, an event that was read.
PYTHON_STAND_INS: Final = f"""
from types import SimpleNamespace
from carbon_stream_producer import EventProducer, HttpTransport
request = SimpleNamespace(id="load-17", headers={{"traceparent": "{TRACEPARENT}"}})
url, key = "http://127.0.0.1:8080", "cs_aaaaaaaaaaaa_key"
event_that_was_read = {{"eventId": "read-1", "correlationId": "load-17"}}
producer = EventProducer("my-service", transport=HttpTransport(url))
def handle(request):
    producer.produce_data_transformation_event(job="handled").result(60)
def code_under_test(producer):
    producer.produce_service_health_event(
        service_name="s", namespace="n", health_status="HEALTHY", latency_ms=1, error_rate=0)
"""
NODE_STAND_INS: Final = f"""
import {{ EventProducer as Made, HttpTransport as ByHttp }} from '@carbon-stream/producer';
const request = {{ headers: {{ traceparent: '{TRACEPARENT}' }} }};
globalThis.producer = new Made('my-service', {{ transport: new ByHttp('http://127.0.0.1:8080') }});
globalThis.app = {{ use: (middleware) => middleware(request, {{}}, () => undefined) }};
globalThis.eventThatWasRead = {{ eventId: 'read-1', correlationId: 'load-17' }};
globalThis.codeUnderTest = (producer) => producer.produceServiceHealthEvent({{
  serviceName: 's', namespace: 'n', healthStatus: 'HEALTHY', latencyMs: 1, errorRate: 0 }});
"""
# A status of 4xx or 5xx is a mistake of the page's.
SHELL_STAND_INS: Final = """
set -euo pipefail
curl() { command curl --fail-with-body "$@"; }
"""
_VARIABLES: Final = ("KAFKA_BOOTSTRAP_SERVERS", "SERVICE_NAME")


class Reader:
    """Does one block after the other; an AssertionError names the block that does not do what its page says."""

    def __init__(self, service: Service, folder: Path, letter: str) -> None:
        self._folder = folder
        self._ours = {
            "http://127.0.0.1:8080": service.url(),
            "127.0.0.1:9092": service.kafka.bootstrap_servers,
            " show 3-17": f" show {letter}",
        }
        self._environment = clean_environment(
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            KAFKA_BOOTSTRAP_SERVERS=service.kafka.bootstrap_servers,
            SERVICE_NAME="prices-loader",
            CARBON_STREAM_DATA_DIR=str(folder),
            CARBON_STREAM_RULES_HOSTS="*.svc.cluster.local",
        )
        self._printed = ""

    def do(self, block: Block) -> None:
        """What the block's mark asks for."""
        if (command := block.asks("check")) is not None:
            (self._folder / "checked.yaml").write_text(block.text)
            self.shell(command.replace("FILE", "checked.yaml"), block.place)
        elif block.asks("settings") is not None:
            self._set(block)
        elif block.asks("answer") is not None:
            assert_has(json.loads(self._printed), json.loads(block.text), block.place)
        else:
            self._run(block)

    def shell(self, text: str, place: str, status: int = 0) -> None:
        """Runs commands; the first that does not succeed ends it, and has to have this exit status."""
        done = self._program(["bash", "-s"], SHELL_STAND_INS + text)
        assert done.returncode == status, f"{place} ends with {done.returncode}: {done.stdout}{done.stderr}"

    def _run(self, block: Block) -> None:
        after, failing = block.asks("run, then"), block.asks("run, status 1")
        wanted = block.asks("run") if after is None else ""
        wanted = wanted if failing is None else failing
        assert wanted is not None, f"{block.place} has a mark that is not known: {block.mark}"
        program = f"{block.text}\n{after or ''}"
        if block.language == "python":
            done = self._program([sys.executable, "-"], PYTHON_STAND_INS + program)
            assert_went_well(done, block.place)
        elif block.language == "js":
            if not is_there():
                return  # tests/sdk says so loudly, and fails in CI
            self._node(program, block.place)
        else:
            self.shell(program, block.place, 0 if failing is None else 1)
        assert wanted in self._printed, f"{block.place} does not print {wanted}: {self._printed}"

    def _node(self, program: str, place: str) -> None:
        variables = {name: self._environment[name] for name in _VARIABLES}
        done = run_script(built(), self._here(NODE_STAND_INS + program), **variables)
        assert_went_well(done, place)
        self._printed = done.stdout

    def _set(self, block: Block) -> None:
        variables = [line.split("#")[0].strip() for line in block.text.splitlines()]
        self.shell(f"env {' '.join(variables)} carbon-stream settings", block.place)
        for variable in variables:
            name = variable.partition("=")[0]
            assert any(line.startswith(f"* {name} ") for line in self._printed.splitlines()), (block.place, name)

    def _program(self, command: list[str], given: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            command,
            input=self._here(given),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self._printed = done.stdout
        return done

    def _here(self, text: str) -> str:
        """With the addresses of this service in place of those that `make run` has."""
        for theirs, ours in self._ours.items():
            text = text.replace(theirs, ours)
        return text


def assert_went_well(done: "subprocess.CompletedProcess[str]", place: str) -> None:
    """It ended well, and lost no event; a client may have complained of a broker that took its time."""
    assert done.returncode == 0, f"{place}: {done.stderr}"
    assert not re.search(r"not (be )?delivered", done.stderr), f"{place}: {done.stderr}"


def assert_has(answer: Any, shown: Any, place: str) -> None:
    """Each member that is shown is there, with a value of the same kind; each element is like one that is there."""
    if isinstance(shown, dict):
        assert isinstance(answer, dict), place
        assert shown.keys() <= answer.keys(), f"{place}: not there: {shown.keys() - answer.keys()}"
        for name, value in shown.items():
            assert_has(answer[name], value, f"{place} {name}")
    elif isinstance(shown, list):
        assert isinstance(answer, list), place
        for element in shown:
            assert any(_is_like(each, element) for each in answer), f"{place}: nothing like {element} in {answer}"
    elif isinstance(shown, int | float) and not isinstance(shown, bool):
        assert isinstance(answer, int | float), place
    else:
        assert type(answer) is type(shown), place


def _is_like(answer: Any, shown: Any) -> bool:
    try:
        assert_has(answer, shown, "")
    except AssertionError:
        return False
    return True
