"""The data directory: which cluster it holds, and that only one process uses it.

cluster.json             Kafka version, cluster id, number of nodes
lock                     held while a LocalKafka or one of its brokers lives; says whose it is
node-<n>/data            the broker's log directory
node-<n>/kafka.log       the broker's log; console.log: what Java itself says
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import IO

from carbon_stream.local.errors import DataDirectoryInUse, DataDirectoryMismatch

__all__ = ["DataDirectory"]

_ORPHAN_WAIT_S = 20.0  # a guard ends its broker within its grace of 15 s


class DataDirectory:
    """One cluster's files. `acquire` first; `release` when the brokers have ended."""

    def __init__(self, path: Path, *, nodes: int, version: str) -> None:
        self.path = path.absolute()
        self.nodes = nodes
        self.version = version
        self.cluster_id = ""
        self._lock: IO[str] | None = None

    def acquire(self) -> None:
        """Locks the directory, makes it where it is missing, and reads or founds its cluster.

        Raises DataDirectoryInUse and DataDirectoryMismatch.
        """
        if "," in str(self.path):
            raise DataDirectoryMismatch(
                f"the data directory {self.path} has a comma, which Kafka takes for two: rename it"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise DataDirectoryMismatch(
                f"the data directory {self.path} cannot be used ({error.strerror}): give another, or mend it"
            ) from error
        try:
            self._take(lock)
            self.cluster_id = self._identify()
        except BaseException:
            lock.close()
            raise
        self._lock = lock

    def release(self) -> None:
        """Lets others use the directory (once the guards, which inherit the lock, have ended too)."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def lock_fd(self) -> int:
        """The lock's descriptor, for guards to inherit: it stays locked while one of them lives."""
        if self._lock is None:
            raise RuntimeError("the data directory is not locked")
        return self._lock.fileno()

    def node(self, node: int) -> Path:
        """The folder of one node."""
        return self.path / f"node-{node}"

    def is_formatted(self, node: int) -> bool:
        """Whether a node's log directory belongs to this cluster. Raises DataDirectoryMismatch if to another."""
        data = self.node(node) / "data"
        meta = _properties(data / "meta.properties")
        if meta is None:
            leftovers = [p.name for p in data.iterdir() if p.name != "bootstrap.checkpoint"] if data.is_dir() else []
            if leftovers:
                raise DataDirectoryMismatch(
                    f"{data} has data ({', '.join(sorted(leftovers)[:3])}), but its meta.properties is missing:"
                    f" restore that file, or remove {self.path} to start anew"
                )
            shutil.rmtree(data, ignore_errors=True)  # a format that was cut short
            return False
        found = (meta.get("cluster.id"), meta.get("node.id"))
        if found != (self.cluster_id, str(node)):
            raise DataDirectoryMismatch(
                f"{data} belongs to node {found[1]} of cluster {found[0]}, not to node {node} of {self.cluster_id}:"
                " give another data directory, or remove this one to start anew"
            )
        return True

    def _take(self, lock: IO[str]) -> None:
        deadline = time.monotonic() + _ORPHAN_WAIT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read(20).strip()
                # The holder of a lock whose process is gone is a guard that is just ending its broker.
                if _is_alive(holder) or time.monotonic() > deadline:
                    raise DataDirectoryInUse(
                        f"the data directory {self.path} is in use by process {holder or 'unknown'}:"
                        " stop that one first, or give another data directory"
                    ) from None
                time.sleep(0.1)
            else:
                lock.truncate(0)
                lock.write(f"{os.getpid()}\n")
                lock.flush()
                return

    def _identify(self) -> str:
        card = self.path / "cluster.json"
        if card.exists():
            return self._check(card)
        foreign = sorted(entry.name for entry in self.path.iterdir() if entry.name not in ("lock", "cluster.json.new"))
        if foreign:
            raise DataDirectoryMismatch(
                f"{self.path} is not a data directory of the embedded Kafka (it has {', '.join(foreign[:3])}):"
                " give an empty or new one"
            )
        cluster_id = _new_cluster_id()
        draft = self.path / "cluster.json.new"
        draft.write_text(json.dumps({"kafka": self.version, "clusterId": cluster_id, "nodes": self.nodes}) + "\n")
        draft.rename(card)
        return cluster_id

    def _check(self, card: Path) -> str:
        try:
            found = json.loads(card.read_text())
            version, cluster_id, nodes = str(found["kafka"]), str(found["clusterId"]), int(found["nodes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataDirectoryMismatch(
                f"{card} cannot be read ({type(error).__name__}): give another data directory, or remove {self.path}"
                " to start anew"
            ) from error
        for what, is_, should in (("Kafka", version, self.version), ("node count", nodes, self.nodes)):
            if is_ != should:
                raise DataDirectoryMismatch(
                    f"{self.path} was made with {what} {is_}, and this is {what} {should}:"
                    " give another data directory, or remove this one to start anew"
                )
        return cluster_id


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _new_cluster_id() -> str:
    """22 characters of URL-safe base64, as Kafka's Uuid; no leading dash, which tools take for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _properties(path: Path) -> dict[str, str] | None:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return None
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
