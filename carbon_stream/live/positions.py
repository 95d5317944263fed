"""How far a reader has come, as an id of the stream: the next offset of each partition, by topic. Pure.

`audit-api-calls:12,0,55;data-lineage:7` says 12, 0 and 55 for partitions 0 to 2 of the first topic. A partition that is
not named is younger than the id.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.errors import ProblemError

Positions = dict[TopicPartition, int]
ID_CHARS_MAX = 12_000
_TOPIC = r"[a-z-]{1,40}:\d{0,19}(?:,\d{0,19})*"
_ID = re.compile(rf"{_TOPIC}(?:;{_TOPIC})*", re.ASCII)


def encode(positions: Mapping[TopicPartition, int], topics: Collection[str]) -> str:
    """The id for these topics; "" where none of them has a partition."""
    parts = []
    for topic in BY_NAME:
        known = {partition.partition: offset for partition, offset in positions.items() if partition.topic == topic}
        if topic in topics and known:
            offsets = (str(known.get(number, "")) for number in range(max(known) + 1))
            parts.append(f"{topic}:{','.join(offsets)}")
    return ";".join(parts)


def decode(text: str) -> Positions:
    """The positions of an id; ProblemError 400 for what is none."""
    if len(text) > ID_CHARS_MAX or not _ID.fullmatch(text):
        raise _no_id()
    positions: Positions = {}
    for part in text.split(";"):
        topic, _, offsets = part.partition(":")
        if topic not in BY_NAME:
            raise _no_id()
        for number, offset in enumerate(offsets.split(",")):
            if offset:
                positions[TopicPartition(topic, number)] = int(offset)
    return positions


def _no_id() -> ProblemError:
    detail = "Last-Event-ID is not an id that this stream gave out; leave it out to begin with what comes next"
    return ProblemError(400, "Invalid Last-Event-ID", detail, extra={"parameter": "Last-Event-ID"})
