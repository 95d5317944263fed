"""The alerts agent: what the health agent has seen, service by service, into alerts."""

from collections.abc import AsyncIterable

from carbon_stream.app import app, rules
from carbon_stream.contracts import codec, own
from carbon_stream.contracts.names import SERVICE_STATUS
from carbon_stream.projections import alerts as projection
from carbon_stream.rules.reading import SERVICE_ALERTS
from carbon_stream.streaming.batch import Batch
from tables.alerts import alerts as table

stage = app.stage(
    "alerts",
    topics=[SERVICE_STATUS],
    table=table,
    decoder=own.observation_decoder,
    invalid=codec.Invalid,
    fold=rules.switched(SERVICE_ALERTS, projection.fold),
    sweep=projection.sweep,
)


@app.agent(stage.source, name="alerts")
async def alerts(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
