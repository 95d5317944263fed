"""The Node.js library, built, and programs that use it. Without Node.js its tests are skipped, in CI they fail."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LIBRARY: Final = ROOT / "sdk/node"
NEEDED: Final = (20, 19)
_MISSING: Final = (
    "NOT TESTED: the Node.js library needs Node.js 20.19 or later and npm on the PATH (https://nodejs.org)"
)


def built() -> Path:
    """The library's folder, with `dist` (what is published) and `build` (with its tests) made by `make node`."""
    if not is_there():
        if os.environ.get("CI"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    done = subprocess.run(["make", "node"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return LIBRARY


def is_there() -> bool:
    """Whether this machine can build and run it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in told.strip().removeprefix("v").split(".")[:2] if part.isdigit())
    return version >= NEEDED


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without the platform's variables, and with these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KAFKA_", "CARBON_STREAM_", "SERVICE_NAME", "NODE_"))
    }
    return kept | more


def lines(library: Path, mode: str, given: Sequence[Mapping[str, Any]], **environment: str) -> list[dict[str, Any]]:
    """What `sdk/node/test/lines.ts` answers to each line."""
    text = "".join(json.dumps(tagged(line)) + "\n" for line in given)
    done = subprocess.run(
        ["node", str(library / "build/test/lines.js"), mode],
        input=text,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(given)
    return answers


@contextmanager
def judge(library: Path) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], list[dict[str, Any]]]]:
    """Asks for a few lines' answers at a time, in one process: whether the library takes an event, and its JSON."""
    program = ["node", str(library / "build/test/lines.js"), "judge"]
    with subprocess.Popen(
        program, stdin=-1, stdout=-1, text=True, encoding="utf-8", env=clean_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, answers = process.stdin, process.stdout

        def ask(asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            given.write("".join(json.dumps(tagged(line)) + "\n" for line in asked))
            given.flush()
            return [json.loads(answers.readline()) for _ in asked]

        try:
            yield ask
        finally:
            given.close()
            process.wait(30)


def tagged(value: Any) -> Any:
    """With integers that JavaScript would round as text."""
    if isinstance(value, Mapping):
        return {name: tagged(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [tagged(child) for child in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"$bigint": str(value)}
    return value


def run_script(library: Path, script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a module that imports '@carbon-stream/producer', which is the library as it was built."""
    return subprocess.run(
        ["node", "--input-type=module", "-"],
        input=script.replace("'@carbon-stream/producer'", f"'{library.as_uri()}/dist/index.mjs'"),
        cwd=library,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
