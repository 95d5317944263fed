"""The datasets agent: what was ingested, checked and transformed."""

from collections.abc import AsyncIterable

from carbon_stream.app import app, rules
from carbon_stream.contracts import cloudevents_on_kafka, codec
from carbon_stream.projections import datasets as projection
from carbon_stream.streaming.batch import Batch
from tables.datasets import datasets as table

stage = app.stage(
    "datasets",
    topics=["data-ingestion", "data-quality", "data-transformation"],
    table=table,
    decoder=codec.decoder,
    translate=cloudevents_on_kafka.translate,
    invalid=codec.Invalid,
    fold=projection.fold,
    sweep=projection.sweep,
    route=rules.route,
)


@app.agent(stage.source, name="datasets")
async def datasets(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
