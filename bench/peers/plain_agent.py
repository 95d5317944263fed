"""A Faust agent as Faust's documentation has it: JSON decoded by Faust, and each event thrown away or counted.

It gets uvloop, as our worker has it. `counting` counts users in a Faust table in memory.
"""

from __future__ import annotations

import os
from typing import Any

import faust
import mode.loop

from bench.events import TOPIC
from bench.peers.frame import Meter, arguments


def main() -> None:
    """Read the events from the group's committed offsets on, and end the process after so many."""
    told = arguments()
    mode.loop.use("uvloop")
    meter = Meter(told["count"])
    app = faust.App(
        told["group"],
        broker=f"kafka://{told['servers']}",
        store="memory://",
        consumer_auto_offset_reset="earliest",
        topic_partitions=told["partitions"],
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=told["folder"],
    )
    source = app.topic(TOPIC, key_serializer="raw", value_serializer="json")
    counts = app.Table("users", default=int, partitions=told["partitions"]) if told["counting"] else None

    @app.agent(source)
    async def agent(events: Any) -> None:
        async for event in events:
            if counts is not None:
                counts[event["userId"]] += 1
            if meter.add(1):
                meter.tell()
                os._exit(0)  # what has been measured is said; nothing of it is kept

    app.finalize()
    faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
