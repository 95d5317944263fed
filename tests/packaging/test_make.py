"""What `make` decides before anything is installed: which Python, and whether there is anything to do."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("python3", "python3.11", "python3.12", "python3.13", "python3.14")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Makefile and the files that it looks at, in a folder of their own."""
    for file in ("Makefile", "pyproject.toml", "requirements-dev.lock", "requirements-run.lock"):
        shutil.copy2(ROOT / file, tmp_path / file)
    return tmp_path


def make(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    path = f"{project / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["make", *arguments],
        cwd=project,
        env={"PATH": path, "HOME": str(project)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def programs(project: Path, script: str, *names: str) -> None:
    (project / "bin").mkdir(exist_ok=True)
    for name in names:
        program = project / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


def test_a_machine_without_a_python_that_is_new_enough_is_told_what_to_do(project: Path) -> None:
    programs(project, "exit 1", *NAMES)
    done = make(project, "run")
    assert done.returncode == 2
    assert "needs Python 3.11" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_chosen_python_that_is_too_old_is_told_apart(project: Path) -> None:
    programs(project, "exit 1", "old")
    done = make(project, "run", f"PYTHON={project}/bin/old")
    assert done.returncode == 2
    assert "older than Python 3.11" in done.stderr


def test_an_older_default_python_gives_way_to_a_newer_one_beside_it(project: Path) -> None:
    programs(project, "exit 1", "python3", "python3.14", "python3.13", "python3.11")
    programs(project, "exit 0", "python3.12")
    assert '"python3.12" -m venv' in make(project, "-n", "run").stdout


def stamp(project: Path, *names: str) -> None:
    (project / ".venv").mkdir(exist_ok=True)
    for name in (".python", *names):
        (project / ".venv" / name).touch()


def test_a_later_start_installs_nothing(project: Path) -> None:
    stamp(project, ".run")
    assert make(project, "-n", "run").stdout.splitlines() == ["exec .venv/bin/carbon-stream dev "]


@pytest.mark.parametrize("changed", ["requirements-run.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(project: Path, changed: str) -> None:
    stamp(project, ".run")
    later = time.time() + 5
    os.utime(project / changed, (later, later))
    told = make(project, "-n", "run").stdout
    assert "--require-hashes --requirement requirements-run.lock" in told
    assert "--no-deps --no-build-isolation --editable ." in told


def test_arguments_reach_the_command(project: Path) -> None:
    stamp(project, ".run", ".dev")
    assert make(project, "-n", "run", "ARGS=--no-demo").stdout.strip() == "exec .venv/bin/carbon-stream dev --no-demo"
    assert make(project, "-n", "test", "ARGS=-k x").stdout.strip() == "exec .venv/bin/python -m pytest -k x"


def test_help_lists_every_target_that_people_use(project: Path) -> None:
    told = make(project).stdout
    assert all(f"make {target} " in told for target in ("run", "test", "lint", "bench", "clean", "lock"))
