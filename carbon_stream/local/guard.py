"""Runs one broker process and ends it when the process that asked for it is gone, however that ended.

A script of its own (`python -I -S guard.py PARENT_PID GRACE_S COMMAND…`), standard library only, one thread. Its
standard input is a pipe whose other end only the parent holds: end of file means that the parent wants the broker
stopped, or was killed. The parent's pid is watched as well, since a fork of the parent may hold the pipe open.
The first line on standard output is the broker's pid; all that the broker itself prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys

_LOOK_S = 0.2
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_asked_to_stop = False


def _stop_later(_signum: int, _frame: object) -> None:
    global _asked_to_stop
    _asked_to_stop = True


def _die_with_guard() -> None:
    """In the broker's process, before Java starts: even a guard that is killed leaves no broker behind.

    Linux sends the signal when the thread that forked ends; the guard has one thread, so that is the guard's end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _wait(broker: subprocess.Popen[bytes], parent: int) -> None:
    """Until the broker has ended by itself, or has to be ended."""
    while broker.poll() is None and not _asked_to_stop and os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _LOOK_S)
        if readable and not os.read(0, 4096):
            return


def _end(broker: subprocess.Popen[bytes], grace_s: float) -> int:
    """Ends the broker if it still runs, gently first, and answers with its exit status."""
    if broker.poll() is None:
        broker.send_signal(signal.SIGTERM)
        broker.send_signal(signal.SIGCONT)  # a paused process would not see the other signal
        try:
            broker.wait(grace_s)
        except subprocess.TimeoutExpired:
            broker.kill()
    return broker.wait()


def main(arguments: list[str]) -> int:
    """Answers with the broker's exit status; 128 plus the signal's number if a signal ended it."""
    parent, grace_s, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, _stop_later)
    try:
        broker = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            preexec_fn=_die_with_guard,  # noqa: PLW1509 - this process has one thread
        )
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error.strerror}\n".encode())
        return 127  # as a shell
    with contextlib.suppress(BrokenPipeError):
        os.write(1, b"%d\n" % broker.pid)
    _wait(broker, parent)
    status = _end(broker, grace_s)
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
