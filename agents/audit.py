"""The audit agent: all four audit topics into the audit trail's aggregates."""

from collections.abc import AsyncIterable

from carbon_stream.app import app, rules
from carbon_stream.contracts import cloudevents_on_kafka, codec
from carbon_stream.contracts.catalog import TOPICS, Group
from carbon_stream.projections.audit import fold
from carbon_stream.projections.audit_aging import sweep
from carbon_stream.streaming.batch import Batch
from tables.audit import audit as table

stage = app.stage(
    "audit",
    topics=[topic.name for topic in TOPICS if topic.group is Group.AUDIT],
    table=table,
    decoder=codec.decoder,
    translate=cloudevents_on_kafka.translate,
    invalid=codec.Invalid,
    fold=fold,
    sweep=sweep,
    route=rules.route,
)


@app.agent(stage.source, name="audit")
async def audit(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
