"""The guard ends its charge whatever happens to the parent. Python processes stand in for the broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from carbon_stream.local import guard

SLEEPER = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def _guarded(code: str, grace_s: float = 5.0) -> list[str]:
    return [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(grace_s), sys.executable, "-c", code]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Guards started by a test; none is left behind."""
    guards: list[subprocess.Popen[bytes]] = []
    yield guards
    for process in guards:
        with process:  # closes its pipes
            process.kill()


def _start(
    started: list[subprocess.Popen[bytes]], code: str, grace_s: float = 5.0
) -> tuple[subprocess.Popen[bytes], int]:
    process = subprocess.Popen(
        _guarded(code, grace_s), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    started.append(process)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _wait_gone(pid: int, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_end_of_file_stops_the_broker(started: list[subprocess.Popen[bytes]]) -> None:
    process, pid = _start(started, SLEEPER)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(5) == 128 + signal.SIGTERM
    _wait_gone(pid)


def test_broker_that_ignores_the_gentle_way_is_killed(started: list[subprocess.Popen[bytes]]) -> None:
    process, pid = _start(started, STUBBORN, grace_s=0.3)
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stderr.readline() == b"ready\n"
    process.stdin.close()
    assert process.wait(5) == 128 + signal.SIGKILL
    _wait_gone(pid)


def test_paused_broker_is_stopped_too(started: list[subprocess.Popen[bytes]]) -> None:
    process, pid = _start(started, SLEEPER)
    os.kill(pid, signal.SIGSTOP)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(3)
    _wait_gone(pid)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_guard_that_is_asked_to_end_takes_the_broker_along(
    signum: signal.Signals, started: list[subprocess.Popen[bytes]]
) -> None:
    process, pid = _start(started, SLEEPER)
    process.send_signal(signum)
    process.wait(5)
    _wait_gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent dies")
def test_guard_that_is_killed_takes_the_broker_along(started: list[subprocess.Popen[bytes]]) -> None:
    process, pid = _start(started, SLEEPER)
    process.kill()
    process.wait(5)
    _wait_gone(pid)


def test_brokers_own_end_is_passed_on(started: list[subprocess.Popen[bytes]]) -> None:
    process, _ = _start(started, "import sys; print('last words'); sys.exit(7)")
    assert process.wait(5) == 7
    assert process.stderr is not None
    assert process.stderr.read() == b"last words\n"


def test_killed_parent_whose_pipe_is_still_open_elsewhere(tmp_path: Path) -> None:
    """A fork of the parent holds the pipe: then the parent's pid tells."""
    code = f"""
import os, subprocess, sys, time
guard = subprocess.Popen([sys.executable, "-I", "-S", {guard.__file__!r}, str(os.getpid()), "5",
                          sys.executable, "-c", {SLEEPER!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
broker = int(guard.stdout.readline())
fork = os.fork()
if fork == 0:
    time.sleep(20)
    os._exit(0)
print(broker, fork, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        broker, fork = map(int, parent.stdout.readline().split())
        try:
            parent.kill()
            _wait_gone(broker)
            assert psutil.pid_exists(fork)
        finally:
            os.kill(fork, signal.SIGKILL)
