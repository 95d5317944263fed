"""Whether there is memory for the brokers, before the system has to kill something."""

from __future__ import annotations

from pathlib import Path

from carbon_stream.local.errors import NotEnoughMemory

__all__ = ["NODE_BYTES", "available_bytes", "check"]

# 400 MB of heap at most, and about 120 MB of classes, code, threads and buffers beside it (217 MB resident when fresh).
NODE_BYTES = 520 * 1_000_000
_CGROUP = Path("/sys/fs/cgroup")


def available_bytes(cgroup: Path = _CGROUP) -> int:
    """Memory that new processes can have: the machine's, or a container's limit where that is less."""
    import psutil

    machine = int(psutil.virtual_memory().available)
    limit = _number(cgroup / "memory.max")
    used = _number(cgroup / "memory.current")
    if limit is None or used is None:
        return machine
    return min(machine, max(0, limit - used + _reclaimable(cgroup)))


def check(nodes: int) -> None:
    """Raises NotEnoughMemory when `nodes` brokers do not fit."""
    needed, available = nodes * NODE_BYTES, available_bytes()
    if available < needed:
        brokers = "a Kafka broker needs" if nodes == 1 else f"{nodes} Kafka brokers need"
        raise NotEnoughMemory(
            f"{brokers} about {needed // 1_000_000} MB of memory and {available // 1_000_000} MB are available:"
            " close something, or give the container or virtual machine more"
        )


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not Linux, cgroup v1, or "max"
        return None


def _reclaimable(cgroup: Path) -> int:
    """File cache counts as used, but the kernel gives it back at need."""
    try:
        lines = (cgroup / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    stat = dict(line.split(" ", 1) for line in lines if " " in line)
    return int(stat.get("inactive_file", "0")) + int(stat.get("active_file", "0"))
