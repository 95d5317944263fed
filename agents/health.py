"""The health agent: service health, with deployments, configuration changes and security events beside."""

from collections.abc import AsyncIterable

from carbon_stream.app import app, rules
from carbon_stream.contracts import cloudevents_on_kafka, codec
from carbon_stream.contracts.catalog import TOPICS, Group
from carbon_stream.projections import health as projection
from carbon_stream.streaming.batch import Batch
from tables.health import health as table

stage = app.stage(
    "health",
    topics=[topic.name for topic in TOPICS if topic.group is Group.SYSTEM],
    table=table,
    decoder=codec.decoder,
    translate=cloudevents_on_kafka.translate,
    invalid=codec.Invalid,
    fold=projection.fold,
    sweep=projection.sweep,
    route=rules.route,
)


@app.agent(stage.source, name="health")
async def health(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
