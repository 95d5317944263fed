"""The audit stage alone, run as a process by the test beside it, with small and frequent sweeps.

GROUP names it and its topics, BOOTSTRAP its broker, DATADIR a folder of its own, SWEEP is empty for none.
"""

import os
from collections.abc import AsyncIterable, Sequence

from carbon_stream.contracts import codec
from carbon_stream.projections import audit, audit_aging
from carbon_stream.streaming import sweeping
from carbon_stream.streaming.app import App
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.rows import Work

GROUP = os.environ["GROUP"]
TOPIC = "audit-user-actions"

sweeping.ROUND_EVERY_S = 0.3
vars(audit_aging)["SWEEP_ROWS_MAX"] = 60


def fold(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
    audit.fold(rows, TOPIC, entries)


app = App(
    GROUP,
    kafka={"bootstrap_servers": os.environ["BOOTSTRAP"]},
    dead_letters=f"{GROUP}-dead",
    datadir=os.environ["DATADIR"],
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
)
stage = app.stage(
    "aging",
    topics=[f"{GROUP}-a"],
    table=app.Table("audit", partitions=2),
    decoder=lambda topic: codec.decoder(TOPIC),
    invalid=codec.Invalid,
    fold=fold,
    sweep=audit_aging.sweep if os.environ["SWEEP"] else None,
)


@app.agent(stage.source)
async def age(batches: AsyncIterable[Batch]) -> None:
    await stage.run(batches)


if __name__ == "__main__":
    app.main()
