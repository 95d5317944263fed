"""A small Faust app on stages, run as a process by the tests beside it: counts events by user.

GROUP names it and its topics, BOOTSTRAP its broker, DATADIR a folder of its own.
"""

import os
from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence

import msgspec

from carbon_stream.streaming.app import App
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.rows import Work

GROUP = os.environ["GROUP"]


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
        row = rows.get(("user", user)) or {"n": 0}
        row["n"] += n
        rows.put(("user", user), row)


app = App(
    GROUP,
    kafka={"bootstrap_servers": os.environ["BOOTSTRAP"]},
    dead_letters=f"{GROUP}-dead",
    datadir=os.environ["DATADIR"],
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
)
table = app.Table("counts", partitions=6)
stage = app.stage(
    "count", topics=[f"{GROUP}-a", f"{GROUP}-b"], table=table, decoder=decoder, invalid=Refused, fold=fold
)


@app.agent(stage.source)
async def count(batches: AsyncIterable[Batch]) -> None:
    await stage.run(batches)


if __name__ == "__main__":
    app.main()
