"""The spool's file: what is in it survives everything that does not destroy it, and what does is told."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from carbon_stream.ingest.observer import Unobserved
from carbon_stream.ingest.spool.keeping import Kept, Round, Spool, SpoolUnusable
from carbon_stream.ingest.spool.rows import Unreadable, decode, encode, strand_of
from carbon_stream.ingest.spool.store import FILE, Store
from carbon_stream.routing import Record, partition_of

OpenSpool = Callable[..., Awaitable[Spool]]


class Told(Unobserved):
    """Keeps what it is told of the spool."""

    def __init__(self) -> None:
        self.aside: dict[str, int] = {}
        self.commits = 0

    def spool_set_aside(self, what: str, number: int) -> None:
        self.aside[what] = self.aside.get(what, 0) + number

    def spool_committed(self, seconds: float) -> None:
        self.commits += 1


@pytest.fixture
async def open_spool(tmp_path: Path) -> AsyncIterator[OpenSpool]:
    opened: list[Spool] = []

    async def make(bytes_max: int = 1 << 30, age_max_s: float = 3600.0, told: Told | None = None) -> Spool:
        spool = Spool(tmp_path, bytes_max=bytes_max, age_max_s=age_max_s, observer=told)
        await spool.open()
        opened.append(spool)
        return spool

    yield make
    for spool in opened:
        await spool.close()


def record(number: int, key: str = "k", size: int = 100) -> Record:
    value = b"%08d" % number + b"v" * size
    return Record("data-quality", key.encode(), value, [("ce_id", b"%d" % number)], key.encode(), 1_700_000_000_000)


async def keep(spool: Spool, *records: Record, unknown: bool = False) -> Kept:
    kept = spool.put(records, unknown=unknown, held=unknown)
    assert isinstance(kept, Kept), kept
    await kept.done
    return kept


async def rounds(spool: Spool) -> list[Record]:
    """All that can be forwarded, forwarded."""
    found: list[Record] = []
    while (taken := await spool.take(time.monotonic())) is not None:
        found += [row.record for row in taken.rows]
        await spool.end(taken, {row.seq for row in taken.rows})
    return found


def bound(store: Store, pages: int) -> None:
    """From here on SQLite answers as it does when the disk is full."""
    store._connection.execute(f"PRAGMA max_page_count = {pages}")


def has_to_wait(spool: Spool, number: int) -> bool:
    return record(number) in spool


def lack_of(spool: Spool) -> str | None:
    return spool.lack


def corrupt_files(folder: Path) -> list[Path]:
    return list(folder.glob(f"{FILE}.corrupt-*"))


def damage(path: Path, share: float, length: int = 4_000) -> None:
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * share))
        file.write(b"\xa5" * length)


def test_a_record_is_what_was_written_or_is_refused() -> None:
    one = Record("data-quality", None, b"\x00\xff", [("a", b""), ("b", b"1")], b"s", 5)
    checksum, text = encode(one)
    assert decode("data-quality", checksum, text) == one
    with pytest.raises(Unreadable):
        decode("data-quality", checksum, text[:-1] + b"\x01")
    with pytest.raises(Unreadable):
        decode("data-quality", 0xD202EF8D, b"\x00")


def test_a_key_has_one_strand_and_a_strand_mostly_one_partition() -> None:
    for number in range(200):
        one = record(number, f"key-{number % 17}")
        assert strand_of(one) == strand_of(record(1, f"key-{number % 17}"))
        assert strand_of(one).number % 12 == partition_of(one.spread, 840) % 12


async def test_what_was_kept_is_there_for_the_next_process_in_order(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    sent = [record(number, f"key-{number % 3}") for number in range(50)]
    for one in sent:
        await keep(spool, one)
    held = spool.bytes
    await spool.close()
    spool = await open_spool()
    assert (spool.rows, spool.bytes) == (50, held)
    assert sent[0] in spool
    found = await rounds(spool)
    for key in (b"key-0", b"key-1", b"key-2"):
        assert [one for one in found if one.key == key] == [one for one in sent if one.key == key]
    assert (spool.rows, spool.bytes, bool(spool), sent[0] in spool) == (0, 0, False, False)


async def test_many_requests_at_once_share_commits(open_spool: OpenSpool) -> None:
    told = Told()
    spool = await open_spool(told=told)
    await asyncio.gather(*(keep(spool, record(number)) for number in range(500)))
    assert 0 < told.commits < 250
    assert len(await rounds(spool)) == 500


async def test_what_may_still_arrive_is_held_back_and_forgotten_when_it_has(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    arrives = await keep(spool, record(1, "a"), unknown=True)
    gets_lost = await keep(spool, record(2, "b"), unknown=True)
    assert await spool.take(time.monotonic()) is None
    arrives.heard(arrived=True)
    gets_lost.heard(arrived=False)
    taken = None
    while taken is None:
        await asyncio.sleep(0.01)
        taken = await spool.take(time.monotonic())
    assert [(row.record, row.maybe) for row in taken.rows] == [(record(2, "b"), True)]
    await spool.end(taken, {taken.rows[0].seq})
    while spool.rows:
        await asyncio.sleep(0.01)
    assert not spool


async def test_rows_that_were_handed_to_kafka_before_a_crash_may_be_repeats(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    await keep(spool, record(1), record(2))
    taken = await spool.take(time.monotonic())
    assert isinstance(taken, Round)
    assert [row.maybe for row in taken.rows] == [False, False]
    await keep(spool, record(3))
    await spool.close()  # as a crash: nobody ends the round
    spool = await open_spool()
    again = await spool.take(time.monotonic())
    assert isinstance(again, Round)
    assert [row.maybe for row in again.rows] == [True, True, False]
    await spool.end(again, {row.seq for row in again.rows})


async def test_a_line_that_failed_rests_and_others_go_on(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    await keep(spool, record(1, "bad"), record(2, "good"), record(3, "bad"))
    taken = await spool.take(0.0)
    assert taken is not None
    await spool.end(taken, {row.seq for row in taken.rows if row.record.key == b"good"}, unknown={taken.rows[0].seq})
    now = time.monotonic()
    assert await spool.take(now) is None
    assert record(4, "bad") in spool
    assert record(4, "good") not in spool
    again = await spool.take(now + 10)
    assert again is not None
    assert [(row.record, row.maybe) for row in again.rows] == [(record(1, "bad"), True), (record(3, "bad"), False)]
    await spool.end(again, {row.seq for row in again.rows})


async def test_a_strand_goes_to_kafka_again_once_all_of_it_is_queued_there(open_spool: OpenSpool) -> None:
    class Queue:
        failed = False

    spool = await open_spool()
    await keep(spool, record(1), record(2))
    taken = await spool.take(time.monotonic())
    assert taken is not None
    assert has_to_wait(spool, 3)
    queue = Queue()
    spool.queued(taken, queue)
    assert not has_to_wait(spool, 3)
    await keep(spool, record(3))
    assert has_to_wait(spool, 4), "behind what is not queued"
    await spool.end(taken, {row.seq for row in taken.rows})
    assert has_to_wait(spool, 4)
    taken = await spool.take(time.monotonic())
    assert taken is not None
    spool.queued(taken, queue)
    queue.failed = True
    assert has_to_wait(spool, 4), "behind what has failed"
    await spool.end(taken, {row.seq for row in taken.rows})
    assert not has_to_wait(spool, 4)


async def test_full_is_full_and_room_is_room_again(open_spool: OpenSpool) -> None:
    one = record(1)
    spool = await open_spool(bytes_max=10 * one.size)
    for number in range(10):
        await keep(spool, record(number))
    assert lack_of(spool) == "the spool is full"
    assert spool.put([one], unknown=False) == "the spool is full"
    await rounds(spool)
    assert lack_of(spool) is None
    await keep(spool, one)


async def test_what_is_too_old_keeps_new_ones_out_and_is_kept(open_spool: OpenSpool) -> None:
    spool = await open_spool(age_max_s=0.01)
    await keep(spool, record(1))
    await asyncio.sleep(0.05)
    assert spool.put([record(2)], unknown=False) == "what waits in the spool is too old"
    assert [one.value for one in await rounds(spool)] == [record(1).value]
    await keep(spool, record(2))


async def test_a_disk_without_room_is_told_and_nothing_is_half_written(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    await keep(spool, record(1))
    commits = spool._commits
    assert commits is not None
    store: Store = commits._store

    await commits.ask(lambda store: bound(store, 12))
    kept = spool.put([record(2, size=200_000), record(3)], unknown=False)
    assert isinstance(kept, Kept)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await kept.done
    assert "full" in (lack_of(spool) or "")
    assert spool.rows == 1
    await commits.ask(lambda store: bound(store, 1 << 20))
    await spool.look()
    assert lack_of(spool) is None
    await keep(spool, record(4))
    assert [one.value[:8] for one in await rounds(spool)] == [b"00000001", b"00000004"]
    assert store.asides() == 0


async def test_one_that_does_not_fit_does_not_fail_those_beside_it(open_spool: OpenSpool) -> None:
    spool = await open_spool()
    commits = spool._commits
    assert commits is not None
    await commits.ask(lambda store: bound(store, 40))
    kept = [spool.put([record(n, size=400_000 if n == 2 else 10)], unknown=False) for n in range(4)]
    results = await asyncio.gather(*(each.done for each in kept if isinstance(each, Kept)), return_exceptions=True)
    assert [isinstance(result, sqlite3.OperationalError) for result in results] == [False, False, True, False]
    assert [one.value[:8] for one in await rounds(spool)] == [b"00000000", b"00000001", b"00000003"]


async def test_a_corrupt_file_is_set_aside_and_what_can_be_read_is_taken_over(
    open_spool: OpenSpool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = await open_spool()
    sent = [record(number, f"key-{number % 5}", 2_000) for number in range(500)]
    await keep(spool, *sent)
    await spool.close()
    damage(tmp_path / FILE, 0.5, 40_000)
    told = Told()
    spool = await open_spool(told=told)
    found = await rounds(spool)
    assert 300 < len(found) < 500
    assert {one.value for one in found} <= {one.value for one in sent}
    assert found[0].value in {one.value for one in sent[:5]}
    assert told.aside == {"corrupt file": 1}
    assert corrupt_files(tmp_path)
    assert "set aside" in caplog.text
    await keep(spool, record(501))


async def test_a_file_that_is_something_else_is_set_aside(open_spool: OpenSpool, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense" * 4_096)
    told = Told()
    spool = await open_spool(told=told)
    assert told.aside == {"corrupt file": 1}
    assert not spool
    await keep(spool, record(1))


async def test_a_file_that_turns_out_to_be_corrupt_while_it_is_in_use_is_opened_anew(
    open_spool: OpenSpool, tmp_path: Path
) -> None:
    told = Told()
    spool = await open_spool(told=told)
    await keep(spool, *(record(number, f"key-{number % 5}", 2_000) for number in range(500)))
    await spool.close()
    spool = await open_spool(told=told)
    damage(tmp_path / FILE, 0.3, 400_000)
    found = 0

    async def read_on() -> None:
        nonlocal found
        while (taken := await spool.take(time.monotonic())) is not None:
            found += len(taken.rows)

    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        await read_on()
    assert spool.corrupt
    assert spool.put([record(1)], unknown=False) == "the spool is closed"
    await spool.close()
    await spool.open()
    assert told.aside == {"corrupt file": 1}
    assert len(await rounds(spool)) + found > 100
    await keep(spool, record(1))


async def test_an_event_whose_bytes_have_changed_is_set_aside_alone(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = await open_spool()
    await keep(spool, record(1), record(2), record(3))
    await spool.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE waiting SET record = zeroblob(length(record)) WHERE seq = 2")
    connection.close()
    told = Told()
    spool = await open_spool(told=told)
    assert [one.value[:8] for one in await rounds(spool)] == [b"00000001", b"00000003"]
    assert told.aside == {"unreadable event": 1}
    assert (spool.rows, spool.bytes, spool.aside, bool(spool)) == (0, 0, 1, False)


async def test_a_file_of_a_newer_release_is_refused_and_stays(open_spool: OpenSpool, tmp_path: Path) -> None:
    await (await open_spool()).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(SpoolUnusable, match="its format is 9, this release reads 1"):
        await open_spool()
    assert not corrupt_files(tmp_path)


async def test_an_empty_file_gives_its_disk_space_back(open_spool: OpenSpool, tmp_path: Path) -> None:
    spool = await open_spool()
    await keep(spool, *(record(number, f"k{number}", 20_000) for number in range(2_000)))
    await rounds(spool)
    await spool.close()
    assert (tmp_path / FILE).stat().st_size < 4 << 20
