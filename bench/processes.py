"""Processes that a run starts: talked to in lines of JSON, watched for CPU time and memory, ended by their id."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil

ROOT = Path(__file__).parents[1]
STOP_S_MAX = 30.0
LINE_S_MAX = 600.0
LOG_CHARS_SHOWN = 4_000


class Failed(Exception):
    """A process ended before its time, or said nothing for too long."""


class Child:
    """A process under way; see `started`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, log_begins: int) -> None:
        self.name, self._log_begins = name, log_begins
        self._process, self._log = process, log
        self._watched = psutil.Process(process.pid)

    async def line(self) -> Any:
        """The next line that it says, as JSON."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), LINE_S_MAX)
        except TimeoutError:
            raise self.failure(f"said nothing for {LINE_S_MAX:g} s") from None
        if not line:
            raise self.failure("ended without a word")
        return orjson.loads(line)

    async def go(self) -> None:
        """Tell it to begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._process.stdin.drain()

    async def logged(self, what: str) -> str:
        """Wait until it has logged this since it was started; returns the rest of the line, with it."""
        deadline = asyncio.get_running_loop().time() + LINE_S_MAX
        while True:
            _, found, after = self._log.read_bytes()[self._log_begins :].partition(what.encode())
            if found and b"\n" in after:
                return what + after.split(b"\n", 1)[0].decode(errors="replace")
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                raise self.failure(f"did not say {what!r} in {LINE_S_MAX:g} s")
            await asyncio.sleep(0.02)

    def check(self) -> None:
        """Raise Failed if it has ended."""
        if self._process.returncode is not None:
            raise self.failure(f"ended with status {self._process.returncode}")

    def failure(self, what: str) -> Failed:
        """The error with the end of the process's log."""
        return Failed(f"{self.name} {what}\n{self._log.read_text(errors='replace')[-LOG_CHARS_SHOWN:]}")

    def cpu_s(self) -> float:
        """CPU time so far, user and system, seconds."""
        self.check()
        times = self._watched.cpu_times()
        return float(times.user + times.system)

    def resident_mb(self) -> float:
        """Resident memory now, MB of 1,000,000 bytes."""
        self.check()
        return float(self._watched.memory_info().rss) / 1e6

    async def stop(self) -> None:
        """End it gently, within a bound, then hard."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def started(
    name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], program: str = sys.executable
) -> AsyncIterator[Child]:
    """`python <arguments>`, or another program, in the project's folder, for as long as the context lasts."""
    log = folder / f"{name.replace(' ', '-')}.log"
    log_begins = log.stat().st_size if log.exists() else 0
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=ROOT,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    child = Child(name, process, log, log_begins)
    try:
        yield child
    finally:
        await child.stop()
