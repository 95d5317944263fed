"""A child process that cannot outlive this one: started through guard.py, stopped gently or hard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from carbon_stream.local import guard

__all__ = ["GRACE_S", "Guarded"]

GRACE_S = 15.0


class Guarded:
    """One child in a session of its own: a terminal's Ctrl-C reaches only this process, which decides the order.

    `output` takes all that the child prints. `lock_fd` is a descriptor that stays open while the guard lives.
    Raises OSError when the guard itself cannot be run. Not thread-safe.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: IO[bytes] | int,
        *,
        environment: Mapping[str, str] | None = None,
        lock_fd: int | None = None,
    ) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(GRACE_S), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=environment,
            start_new_session=True,
            pass_fds=() if lock_fd is None else (lock_fd,),
        )
        assert self._guard.stdout is not None
        line = self._guard.stdout.readline()
        # No pid: the command could not be run, and the guard has said why on `output`.
        self.pid = int(line) if line else None

    def poll(self) -> int | None:
        """The child's exit status, 128 plus the signal's number if a signal ended it; None while it runs."""
        return self._guard.poll()

    def signal(self, signum: signal.Signals) -> None:
        """Sends the child a signal. Raises RuntimeError if it is not running."""
        if self.pid is None or self.poll() is not None:
            raise RuntimeError("the process is not running")
        os.kill(self.pid, signum)

    def ask_to_stop(self) -> None:
        """Lets the guard end the child; `close` waits for it. Two steps, so that several can stop at once."""
        assert self._guard.stdin is not None
        self._guard.stdin.close()

    def close(self, grace_s: float = GRACE_S) -> int:
        """Ends the child, gently for `grace_s` seconds and then hard, and answers with its exit status."""
        self.ask_to_stop()
        try:
            self._guard.wait(max(0.0, grace_s))
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
        status = self._guard.wait()
        assert self._guard.stdout is not None
        self._guard.stdout.close()
        return status
