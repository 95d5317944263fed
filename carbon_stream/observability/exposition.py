"""The answer to /metrics, for one process or for all processes behind one port.

Several processes that share a port (SO_REUSEPORT) keep their values in memory-mapped files of one folder, named by
PROMETHEUS_MULTIPROC_DIR, and whichever is scraped answers for all of them. `share` prepares that folder in the parent,
before its children start.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["CONTENT_TYPE", "exposition", "share", "shared_folder"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share(directory: Path) -> None:
    """Makes this process and its children count together in `directory`, emptied of an earlier run's files.

    Must come before anything imports the metrics: prometheus_client chooses its store when it is imported.
    """
    if "prometheus_client" in sys.modules:
        raise RuntimeError("metrics were imported before their folder was prepared")
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob("*.db"):
        leftover.unlink(missing_ok=True)
    os.environ[_VARIABLE] = str(directory)


def shared_folder() -> Path | None:
    """The folder of the processes that share this one's port; None where it is alone."""
    directory = os.environ.get(_VARIABLE)
    return Path(directory) if directory else None


def exposition() -> bytes:
    """All metrics in the text format (version 0.0.4), UTF-8."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    from carbon_stream.observability.instruments import REGISTRY

    directory = shared_folder()
    if directory is None:
        return bytes(generate_latest(REGISTRY))
    _forget_ended_processes(directory)
    together = CollectorRegistry()
    MultiProcessCollector(together, str(directory))
    return bytes(generate_latest(together))


def _forget_ended_processes(directory: Path) -> None:
    """Drops the gauges of processes that have ended, killed ones too; counters keep what they counted."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _runs(int(pid)):
            file.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
