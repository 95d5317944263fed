"""What becomes of a directory with rows: it is gone on from as it was, or thrown away whole, and it is said why."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from rocksdict import Rdict

from carbon_stream.streaming import rocks
from carbon_stream.streaming.exclusive import DirectoryInUse, Exclusive
from carbon_stream.streaming.patience import patiently
from carbon_stream.streaming.rocks import RocksShard
from carbon_stream.streaming.shard import Origin, ShardBusy, ShardFailed

ORIGIN = Origin("cluster", "topic")
ROWS = 3_000


def _key(n: int) -> bytes:
    return orjson.dumps(["user", n % 7, f"u{n}"])


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[RocksShard]:
    made = RocksShard(tmp_path / "t-0")
    made.open()
    made.clear(ORIGIN)
    for first in range(0, ROWS, 500):
        rows: dict[bytes, bytes | None] = {_key(n): os.urandom(300) for n in range(first, first + 500)}
        made.apply(rows, {orjson.dumps(["ids", "t", first]): b"{}"}, first + 500)
    yield made
    made.close()


def test_rows_come_back_with_their_position_and_counts(shard: RocksShard) -> None:
    mark, row = shard.mark, shard.get(_key(5))
    shard.close()
    again = RocksShard(shard.directory)
    again.open()
    assert again.emptied is None
    assert (again.mark, again.get(_key(5))) == (mark, row)
    assert (len(again), again.count(("user", 3)), len(again.segments())) == (ROWS, ROWS // 7 + 1, ROWS // 500)
    again.close()


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 3, len(content) // 3 + 50):
        content[at] ^= 0xFF
    path.write_bytes(content)


def _replace(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_bytes(b"")


SPOILED: dict[str, Callable[[Path], object]] = {
    "table flipped": lambda d: _flip(max(d.glob("*.sst"))),
    "table cut": lambda d: os.truncate(max(d.glob("*.sst")), 1_000),
    "table gone": lambda d: max(d.glob("*.sst")).unlink(),
    "manifest flipped": lambda d: _flip(max(d.glob("MANIFEST*"))),
    "manifest gone": lambda d: max(d.glob("MANIFEST*")).unlink(),
    "current junk": lambda d: (d / "CURRENT").write_bytes(b"junk\n"),
    "current gone": lambda d: (d / "CURRENT").unlink(),
    "a file in its place": _replace,
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_directory_is_never_believed(shard: RocksShard, how: str) -> None:
    shard.close()
    SPOILED[how](shard.directory)
    again = RocksShard(shard.directory)
    again.open()
    if again.emptied is None:  # RocksDB finds a bad block when it reads it
        with pytest.raises(ShardFailed, match="Corruption"):
            list(again.keys())
        again.close()
        again.open()
    assert again.emptied is not None
    assert again.emptied.startswith(("corrupt: ", "incomplete: "))
    assert (len(again), again.mark.position, list(again.keys()), again.segments()) == (0, 0, [], [])
    again.clear(ORIGIN)
    again.apply({_key(1): b"{}"}, {}, 9)
    again.close()
    again.open()
    assert (len(again), again.mark.position) == (1, 9)
    again.close()


def test_a_log_that_is_cut_short_loses_whole_batches_from_its_end_and_nothing_else(shard: RocksShard) -> None:
    copy = shard.directory.with_name("copy")  # as a crash leaves it: not closed
    shutil.copytree(shard.directory, copy)
    (written,) = copy.glob("*.log")
    os.truncate(written, written.stat().st_size * 2 // 3)
    again = RocksShard(copy)
    again.open()
    assert 0 < len(again) < ROWS
    assert again.mark.position == len(again) == len(list(again.keys())) == 500 * len(again.segments())
    again.close()


def test_another_format_is_thrown_away(shard: RocksShard) -> None:
    shard.close()
    with Rdict(str(shard.directory)) as database:
        database[b"m"] = orjson.dumps({"v": 2})
    shard.open()
    assert (len(shard), shard.emptied) == (0, "corrupt: format 2, not 1")


def test_an_open_directory_belongs_to_one_process(shard: RocksShard) -> None:
    with pytest.raises(ShardFailed, match="in use by another process"):
        RocksShard(shard.directory).open()
    shard.close()
    RocksShard(shard.directory).open()


async def test_a_disk_that_does_not_keep_up_holds_nobody_else_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the least of memory, RocksDB has to flush at nearly every write."""
    monkeypatch.setattr(rocks, "WRITE_BUFFER_BYTES", 64 * 1024)
    shard, refused, turns = RocksShard(tmp_path / "t-0"), 0, 0
    shard.open()
    shard.clear(ORIGIN)

    def write() -> None:
        nonlocal refused
        try:
            shard.apply({_key(n): os.urandom(2_000) for n in range(50)}, {}, 1)
        except ShardBusy:
            refused += 1
            raise

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    while not refused:
        await patiently(write)
    other.cancel()
    assert turns > refused
    assert (len(shard), len(list(shard.keys()))) == (50, 50)
    shard.close()


def test_a_walk_over_the_rows_does_not_keep_the_directory_from_closing(shard: RocksShard) -> None:
    walk = shard.keys()
    assert next(walk)
    shard.apply({_key(n): None for n in range(2_000)}, {}, ROWS)
    shard.close()
    shard.open()
    assert len(list(walk)) < ROWS - 500, "what was deleted meanwhile is not met any more"
    shard.close()
    with pytest.raises(ShardFailed, match="is not open"):
        next(shard.keys())


def test_a_shard_that_is_not_open_says_so(shard: RocksShard) -> None:
    shard.close()
    with pytest.raises(ShardFailed, match="is not open"):
        shard.get(_key(1))


def test_a_second_worker_is_told_who_has_the_directory(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from carbon_stream.streaming.exclusive import Exclusive;"
        "Exclusive(pathlib.Path(sys.argv[1])).take(); print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"taken\n"
        with pytest.raises(DirectoryInUse, match=f"another worker, process {first.pid}:"):
            Exclusive(tmp_path).take()
        first.kill()
        first.wait()
        held = Exclusive(tmp_path)
        held.take()  # whoever is killed holds nothing
    held.release()
