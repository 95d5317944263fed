"""The lineage agent: edges between datasets."""

from collections.abc import AsyncIterable

from carbon_stream.app import app, rules
from carbon_stream.contracts import cloudevents_on_kafka, codec
from carbon_stream.projections import lineage as projection
from carbon_stream.streaming.batch import Batch
from tables.lineage import lineage as table

stage = app.stage(
    "lineage",
    topics=["data-lineage"],
    table=table,
    decoder=codec.decoder,
    translate=cloudevents_on_kafka.translate,
    invalid=codec.Invalid,
    fold=projection.fold,
    sweep=projection.sweep,
    route=rules.route,
)


@app.agent(stage.source, name="lineage")
async def lineage(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
