"""The least that a stage does: counts events by service, each parsed as JSON, each batch one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Any

import faust
import mode.loop
import orjson

from bench.events import TOPIC
from bench.peers.frame import arguments
from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.observability.logging import configure
from carbon_stream.streaming.app import App
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.rows import Work
from carbon_stream.web.server import spare_the_collector


class Event:
    """What the stage and the fold ask of an event."""

    __slots__ = ("event_id", "service", "source", "timestamp")

    def __init__(self, found: dict[str, Any]) -> None:
        self.source, self.event_id, self.timestamp = found["source"], found["eventId"], found["timestamp"]
        self.service = found["service"]


def decoder(_: str) -> Callable[[bytes | None], Event]:
    loads = orjson.loads
    return lambda value: Event(loads(value or b""))


def fold(rows: Work, _: str, entries: Sequence[Entry]) -> None:
    for service, count in Counter([entry.event.service for entry in entries]).items():
        row = rows.get(("service", service)) or {"v": 1, "n": 0}
        row["n"] += count
        rows.put(("service", service), row)


def main() -> None:
    """A worker, until it is told to stop."""
    told = arguments()
    mode.loop.use("uvloop")
    configure("INFO", "human")
    app = App(
        told["group"],
        kafka={"bootstrap_servers": told["servers"]},
        dead_letters=DEAD_LETTERS,
        datadir=told["folder"],
        broker_session_timeout=6.0,
        web_enabled=False,
    )
    table = app.Table("counts", partitions=told["partitions"])
    stage = app.stage("count", topics=[TOPIC], table=table, decoder=decoder, invalid=ValueError, fold=fold)

    @app.agent(stage.source)
    async def count(batches: AsyncIterable[Batch]) -> None:
        await stage.run(batches)

    app.finalize()
    spare_the_collector()
    faust.Worker(app, loglevel="INFO", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
