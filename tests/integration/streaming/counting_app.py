"""A small Faust app on stages, run as a process by the tests beside it: counts events by user.

GROUP names it and its topics, BOOTSTRAP its broker, DATADIR a folder of its own, STORE where its rows are kept,
PARTITIONS how many each topic has. KILLED says when the process ends as by kill -9: "before" or "in" the write of a
committed unit to RocksDB. With IDLE, partitions look twice a second whether something is to be done on them. RELEASE 2
is one whose rows have another format than those of release 1, and PREVIOUS lets it write those of release 1.

A user whose name begins with "big" gets a row that grows by all of the name; one named "slow" keeps the interpreter
busy for longer than a session lasts.

With STALLED, reading stops for no reason once so many records have come. With ASSIGNING, it takes so many seconds to
begin with what the group has assigned.
"""

import asyncio
import itertools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Any, cast

import msgspec
from faust.types import TP
from rocksdict import Rdict, WriteBatch, WriteOptions

from carbon_stream.streaming import app as streaming_app
from carbon_stream.streaming import sweeping, validity, watchdog
from carbon_stream.streaming.app import App
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.formats import Formats, Step
from carbon_stream.streaming.rocks import RocksShard
from carbon_stream.streaming.rows import Row, Work
from carbon_stream.streaming.shard import Changes
from carbon_stream.streaming.stage import Stages
from carbon_stream.streaming.transport import Consumer

GROUP = os.environ["GROUP"]
SLOW_S = 8.0
IS_NEXT = os.environ.get("RELEASE") == "2"
COUNT = "events" if IS_NEXT else "n"
if IS_NEXT:
    sweeping.ROUND_EVERY_S = 0.3


class Event(msgspec.Struct):
    source: str
    user: str
    event_id: str | None = None
    timestamp: int | None = None


class Refused(ValueError):
    reason = "not-json"


def decoder(topic: str) -> Callable[[bytes | None], Event]:
    decode = msgspec.json.Decoder(Event).decode

    def decoded(value: bytes | None) -> Event:
        try:
            return decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise Refused(str(exc)) from None

    return decoded


def fold(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
    for user, n in Counter(entry.event.user for entry in entries).items():
        big = user.startswith("big")
        key = ("user", "big" if big else user)
        row = rows.get(key) or {"v": 2 if IS_NEXT else 1, COUNT: 0}
        row[COUNT] += n
        if big:
            row["names"] = row.get("names", "") + user * n
        if user == "slow":
            until = time.monotonic() + SLOW_S
            while time.monotonic() < until:
                pass
        rows.put(key, row)


def renamed(old: str, new: str) -> Callable[[Row], Row]:
    return lambda row: {new if name == old else name: value for name, value in row.items()}


STEPS = [Step(renamed("n", "events"), renamed("events", "n"))] if IS_NEXT else []


class Deadly:
    """A database in whose next write the process ends."""

    def __init__(self, database: Rdict) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def write(self, batch: WriteBatch, options: WriteOptions) -> None:
        for n in range(20_000):  # 20 MB: it takes long enough to be hit
            batch.put(b"rpadding-%d" % n, b"x" * 1_000)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # not Python's to handle: the process ends wherever it is
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        self._database.write(batch, options)
        raise AssertionError("it should have ended by now")


def killed(when: str) -> None:
    """End in the write that follows the thirtieth commit, or just before it."""
    apply, writes = RocksShard.apply, itertools.count(1)

    def apply_and_die(shard: RocksShard, rows: Changes, segments: Changes, written: int) -> None:
        if next(writes) == 30:
            if when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            shard._database = cast(Rdict, Deadly(shard._db))
        apply(shard, rows, segments, written)

    RocksShard.apply = apply_and_die  # type: ignore[method-assign,assignment]


def stalled(after: int) -> None:
    """Once so many records have been read, nothing comes any more, without an error; that is noticed after 2 s."""
    getmany, left = Consumer._getmany, [after]

    async def getmany_until(consumer: Consumer, active_partitions: Any, timeout: float) -> Any:
        if left[0] <= 0:
            await asyncio.sleep(timeout)
            return {}
        found = await getmany(consumer, active_partitions, timeout)
        left[0] -= sum(len(message.value) for messages in found.values() for message in messages)
        return found

    Consumer._getmany = getmany_until  # type: ignore[method-assign,assignment]
    watchdog.STILL_S_MAX, streaming_app.LOOK_EVERY_S = 2.0, 0.5


def assigning(seconds: float) -> None:
    """The group's word takes its time."""
    assign = Stages.assign

    async def assign_slowly(stages: Stages, assigned: set[TP], revoked: int) -> None:
        if assigned:
            sys.stderr.write("assigning slowly\n")
            await asyncio.sleep(seconds)
        await assign(stages, assigned, revoked)

    Stages.assign = assign_slowly  # type: ignore[method-assign,assignment]


if "ASSIGNING" in os.environ:
    assigning(float(os.environ["ASSIGNING"]))
if "STALLED" in os.environ:
    stalled(int(os.environ["STALLED"]))

if "IDLE" in os.environ:
    sweeping.ROUND_EVERY_S, validity.TOUCH_AFTER_MS = 0.5, 1_000

if "KILLED" in os.environ:
    killed(os.environ["KILLED"])

app = App(
    GROUP,
    kafka={"bootstrap_servers": os.environ["BOOTSTRAP"]},
    dead_letters=f"{GROUP}-dead",
    datadir=os.environ["DATADIR"],
    store=os.environ.get("STORE", "memory") + "://",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    writes_previous_formats=bool(os.environ.get("PREVIOUS")),
)
partitions = int(os.environ.get("PARTITIONS", "6"))
table = app.Table("counts", partitions=partitions, formats=Formats({"user": STEPS}))
stage = app.stage(
    "count", topics=[f"{GROUP}-a", f"{GROUP}-b"], table=table, decoder=decoder, invalid=Refused, fold=fold
)


@app.agent(stage.source)
async def count(batches: AsyncIterable[Batch]) -> None:
    await stage.run(batches)


if __name__ == "__main__":
    app.main()
