"""kill -9 of whoever started the broker: no process is left, and the data directory can be used again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from carbon_stream.local import LocalKafka

OWNER = """
import signal, sys, time
from pathlib import Path
from carbon_stream.local import LocalKafka

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to interrupts
kafka = LocalKafka(Path(sys.argv[1]))
kafka.start()
print(*kafka.pids.values(), flush=True)
time.sleep(120)
"""


def test_killed_owner_leaves_no_broker_behind(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "data")], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        broker = psutil.Process(int(owner.stdout.readline()))
        guard = broker.parent()
        assert guard is not None
        owner.kill()
    deadline = time.monotonic() + 60
    while broker.is_running() or guard.is_running():
        assert time.monotonic() < deadline, "the broker outlives its owner"
        time.sleep(0.05)
    with LocalKafka(tmp_path / "data") as kafka:
        kafka.check_alive()


def test_data_directory_is_usable_right_after_its_owner_was_killed(tmp_path: Path) -> None:
    """While the old broker is still ending: the new start waits for it."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "data")], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
    with LocalKafka(tmp_path / "data") as kafka:
        kafka.check_alive()


def test_ctrl_c_reaches_the_owner_and_not_the_broker(tmp_path: Path) -> None:
    """A terminal signals the whole process group; the owner must be able to stop the broker last."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        broker = int(owner.stdout.readline())
        assert os.getpgid(broker) != os.getpgid(owner.pid)
        os.killpg(owner.pid, signal.SIGINT)
        owner.wait(10)
    deadline = time.monotonic() + 60
    while psutil.pid_exists(broker):
        assert time.monotonic() < deadline, "the broker outlives its owner"
        time.sleep(0.05)
