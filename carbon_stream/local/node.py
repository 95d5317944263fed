"""One broker process: its files, its guard, and signals to it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carbon_stream.local import java
from carbon_stream.local.errors import BrokerFailed
from carbon_stream.local.guarded import GRACE_S, Guarded
from carbon_stream.local.properties import NodeAddress, log4j2_properties, render

__all__ = ["Node", "Program"]

_TAIL_LINES = 12
_TAIL_BYTES = 32_768
_ADDRESS_IN_USE = re.compile(r"address already in use|Socket server failed to bind", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Program:
    """What every node runs: the Java executable, the class path, and the largest heap in MB."""

    java: Path
    jars: Sequence[Path]
    heap_mb: int


class Node:
    """A broker and controller in one process. Not thread-safe; the owner calls its methods in order."""

    def __init__(self, address: NodeAddress, home: Path, program: Program) -> None:
        self.address = address
        self.home = home
        self._program = program
        self._process: Guarded | None = None
        self._log_start = 0  # where this start's lines begin in kafka.log, bytes

    @property
    def data(self) -> Path:
        """The broker's log directory."""
        return self.home / "data"

    @property
    def is_running(self) -> bool:
        """Whether the broker's process is there (paused counts as running)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The broker's process id; None if it is not running."""
        return self._process.pid if self._process is not None and self.is_running else None

    def write_files(self, settings: dict[str, str]) -> None:
        """server.properties and the log's configuration, new at every start."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "server.properties").write_text(render(settings))
        (self.home / "log4j2.properties").write_text(log4j2_properties())

    def format(self, cluster_id: str) -> subprocess.Popen[bytes]:
        """Starts formatting the log directory; `formatted` waits for its end."""
        command = java.storage_command(
            self._program.java, self._program.jars, properties=self.home / "server.properties", cluster_id=cluster_id
        )
        with (self.home / "console.log").open("wb") as console:
            try:
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
            except OSError as error:
                raise java.cannot_run(error) from error

    def formatted(self, tool: subprocess.Popen[bytes], timeout_s: float) -> None:
        """Raises BrokerFailed if the tool failed."""
        try:
            status = tool.wait(timeout_s)
        except subprocess.TimeoutExpired:
            tool.kill()
            tool.wait()
            raise BrokerFailed(f"formatting {self.data} took longer than {timeout_s:.0f} s{self.tail()}") from None
        if status:
            raise BrokerFailed(f"formatting {self.data} failed with status {status}{self.tail()}")

    def start(self, lock_fd: int) -> None:
        """Starts the broker; it answers some seconds later."""
        if self.is_running:
            raise RuntimeError(f"node {self.address.node} is running already")
        command = java.broker_command(
            self._program.java,
            self._program.jars,
            heap_mb=self._program.heap_mb,
            properties=self.home / "server.properties",
            log4j2=self.home / "log4j2.properties",
            log=self.home / "kafka.log",
        )
        self._log_start = _size(self.home / "kafka.log")
        with (self.home / "console.log").open("wb") as console:
            self._process = Guarded(command, console, lock_fd=lock_fd)
        if self._process.pid is None:
            status = self._close()
            raise BrokerFailed(f"node {self.address.node} did not start (status {status}){self.tail()}")

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ends the broker gently, or hard when that takes longer than the grace. Does nothing if it is not running."""
        if self._process is not None:
            self._close(grace_s)

    def ask_to_stop(self) -> None:
        """The first half of `stop`, so that several nodes can stop at once."""
        if self._process is not None:
            self._process.ask_to_stop()

    def kill(self) -> None:
        """Ends the broker at once, as a crash would."""
        self._signal(signal.SIGKILL)
        self._close()

    def pause(self) -> None:
        """Freezes the broker: its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets a paused broker go on."""
        self._signal(signal.SIGCONT)

    def check_alive(self) -> None:
        """Raises BrokerFailed, with the end of its log, if the broker has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            status = self._close()
            raise BrokerFailed(f"node {self.address.node} ended with status {status}{self.tail()}")

    def lost_its_port(self) -> bool:
        """Whether the broker ended because something else had taken one of its ports."""
        return not self.is_running and bool(_ADDRESS_IN_USE.search(self.tail()))

    def tail(self) -> str:
        """The last lines of this start in the broker's log, and of what Java said, with their places."""
        parts = []
        for path, start in ((self.home / "kafka.log", self._log_start), (self.home / "console.log", 0)):
            lines = _last_lines(path, start)
            if lines:
                parts.append(f"\n{path} ends with:\n" + "\n".join(f"  {line}" for line in lines))
        return "".join(parts)

    def _signal(self, signum: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError(f"node {self.address.node} is not running")
        self._process.signal(signum)

    def _close(self, grace_s: float = GRACE_S) -> int:
        """Ends the process if need be, and forgets it. Answers with the broker's exit status."""
        assert self._process is not None
        pid, status = self._process.pid, self._process.close(grace_s)
        self._process = None
        if pid is not None:
            _end_orphan(pid)
        return status


def _end_orphan(pid: int) -> None:
    """A guard that was itself killed leaves its broker behind where the system has no parent-death signal (macOS)."""
    import psutil

    try:
        process = psutil.Process(pid)
        if java.BROKER in process.cmdline():
            process.kill()
            process.wait(5)
    except (psutil.Error, OSError):
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _last_lines(path: Path, start: int) -> list[str]:
    size = _size(path)
    begin = start if start <= size else 0  # a log that has shrunk was rolled over
    try:
        with path.open("rb") as stream:
            stream.seek(max(begin, size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    # Stack frames would push out the line that says what is wrong.
    return [line for line in text.splitlines() if line.strip() and not line.startswith("\t")][-_TAIL_LINES:]
