"""Memory is looked at before brokers start, a container's limit included."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbon_stream.local import NotEnoughMemory, memory


def _cgroup(path: Path, limit: str, used: int, cached: int = 0) -> Path:
    (path / "memory.max").write_text(f"{limit}\n")
    (path / "memory.current").write_text(f"{used}\n")
    (path / "memory.stat").write_text(f"anon {used - cached}\ninactive_file {cached}\nactive_file 0\n")
    return path


def test_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    assert memory.available_bytes(_cgroup(tmp_path, "1000000", 900_000, cached=300_000)) == 400_000


def test_no_limit_means_the_machines_memory(tmp_path: Path) -> None:
    assert memory.available_bytes(_cgroup(tmp_path, "max", 1)) > 1_000_000
    assert memory.available_bytes(tmp_path / "no-cgroup") > 1_000_000


def test_short_memory_says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 600_000_000)
    memory.check(1)
    with pytest.raises(NotEnoughMemory, match="3 Kafka brokers need about 1560 MB of memory and 600 MB are available"):
        memory.check(3)
