"""The repeats agent: what rules that count have matched, one thing that is counted after the other."""

from collections.abc import AsyncIterable

from carbon_stream.app import app
from carbon_stream.contracts import codec
from carbon_stream.contracts.names import RULE_REPEATS
from carbon_stream.rules import repeats as counting
from carbon_stream.streaming.batch import Batch
from tables.repeats import repeats as table

stage = app.stage(
    "repeats",
    topics=[RULE_REPEATS],
    table=table,
    decoder=counting.decoder,
    invalid=codec.Invalid,
    fold=counting.fold,
    sweep=counting.sweep,
)


@app.agent(stage.source, name="repeats")
async def repeats(batches: AsyncIterable[Batch]) -> None:
    """Fold each batch in its partition's own unit of work."""
    await stage.run(batches)
