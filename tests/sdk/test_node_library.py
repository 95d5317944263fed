"""The Node.js library's own tests, its weight, and what it says without a client."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.node import built, clean_environment

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def library() -> Path:
    return built()


def run(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        arguments,
        cwd=folder,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_its_own_tests_pass(library: Path) -> None:
    tests = [str(path) for path in sorted((library / "build/test").glob("*.test.js"))]
    assert len(tests) >= 3
    done = run(library, "node", "--test", "--test-reporter=tap", *tests)
    assert done.returncode == 0, "\n".join(
        line for line in done.stdout.splitlines() if "ok " not in line or "not" in line
    )
    assert "# fail 0" in done.stdout


def test_its_types_say_what_is_wrong(library: Path) -> None:
    done = run(library, "npx", "--no-install", "tsc", "--noEmit")
    assert done.returncode == 0, done.stdout
    wrong = (library / "test/types.ts").read_text()
    assert wrong.count("@ts-expect-error") >= 7


SHOWN = """
const before = process.listenerCount('SIGTERM') + process.listenerCount('exit');
const library = require('./dist');
const after = process.listenerCount('SIGTERM') + process.listenerCount('exit');
console.log(JSON.stringify({
  loaded: Object.keys(require.cache).filter((name) => name.includes('node_modules')),
  listeners: after - before,
  waiting: process.getActiveResourcesInfo().filter((name) => !name.includes('Pipe') && !name.includes('TTY')),
  names: Object.keys(library).sort(),
}));
"""


def test_requiring_it_loads_no_client_and_starts_nothing(library: Path) -> None:
    told = json.loads(run(library, "node", "-e", SHOWN).stdout)
    assert (told["loaded"], told["listeners"], told["waiting"]) == ([], 0, [])
    # `import` gives the same things: a process that does both has one of each class.
    both = (
        "import * as esm from './dist/index.mjs'; import { createRequire } from 'node:module';"
        "const cjs = createRequire(import.meta.url)('./dist');"
        "console.log(JSON.stringify(Object.keys(cjs).filter((name) => esm[name] !== cjs[name])))"
    )
    assert (
        run(library, "node", "--input-type=module", "-e", both.replace("import.meta.url", f"'{library}/x.js'")).stdout
        == "[]\n"
    )
    assert {"EventProducer", "getEventProducer", "InvalidEvent", "RecordingTransport", "flow"} <= set(told["names"])


def test_without_the_client_it_says_what_to_install(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library / "dist", tmp_path / "dist")
    script = (
        "const { EventProducer } = require('./dist'); const p = new EventProducer('svc');"
        "p.connect().catch((error) => console.log(error.code, error.message))"
    )
    done = run(tmp_path, "node", "-e", script, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    told = "MISSING_PACKAGE sending to Kafka needs the package @platformatic/kafka: npm install @platformatic/kafka\n"
    assert done.stdout == told
