"""Ending the processes that a test has started, by their ids."""

import signal
import subprocess
from collections.abc import Iterable


def stop_all(processes: Iterable[subprocess.Popen[bytes]], seconds: float) -> None:
    """Ask all to stop, also those that are paused; after so long each, kill."""
    asked = list(processes)
    for process in asked:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    for process in asked:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
