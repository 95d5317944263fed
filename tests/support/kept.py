"""What a worker keeps on disk, and what its changelog says it should keep."""

from __future__ import annotations

from pathlib import Path

import orjson

from carbon_stream.streaming.rocks import RocksShard
from tests.support.counting import PARTITIONS, Workers, read


def directories(workers: Workers, number: int) -> list[Path]:
    """The worker's databases, one a partition."""
    return sorted((workers.folder / f"worker-{number}").glob("**/counts-*"))


async def check_kept(workers: Workers, number: int) -> None:
    """A stopped worker's rows and segments against the fold of the changelog."""
    folded: dict[tuple[int, bytes], bytes] = {}
    for partition, key, value in await read(workers.bootstrap, f"{workers.group}-counts-changelog", PARTITIONS):
        assert key is not None
        if value is None:
            folded.pop((partition, key), None)
        else:
            folded[partition, key] = value
    kept: dict[tuple[int, bytes], bytes] = {}
    found = directories(workers, number)
    assert len(found) == PARTITIONS
    for directory in found:
        shard, partition = RocksShard(directory), int(directory.name.rpartition("-")[2])
        shard.open()
        assert shard.emptied is None
        rows = {key: shard.get(key) or b"" for key in shard.keys()}  # noqa: SIM118 — it is no mapping
        kept |= {(partition, key): row for key, row in {**rows, **dict(shard.segments())}.items()}
        assert len(shard) == len(rows)
        shard.close()
    assert kept == folded
    assert any(orjson.loads(key)[0] == "ids" for _, key in kept)
