"""One partition's transactional producer: fencing, and one unit of work as one Kafka transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, ProducerFenced

from carbon_stream.streaming import clients, dead_letters
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.shard import Changes

TRANSACTION_TIMEOUT_MS = 15_000
"""An open transaction of a dead worker holds readers back until its partition is taken over or this has passed."""

STEP_S_MAX = TRANSACTION_TIMEOUT_MS / 1000 * 2
"""How long fencing, or one commit, may take. aiokafka asks a coordinator again for ever, also one that will never say
yes; the brokers have aborted the transaction long before this, and a fresh producer begins anew.
"""

ROWS_BATCH_BYTES = 512 * 1024
REQUEST_BYTES_MAX = 4 * 1024 * 1024
"""A dead letter is a record at its topic's size limit and some headers; a row may be large too."""

Headers = list[tuple[str, bytes]]
NO_HEADERS: Headers = []
MORE: Headers = [("more", b"")]
"""On a changelog's record: it counts only together with the one that follows."""

FENCED = (ProducerFenced, InvalidProducerEpoch, IllegalOperation, AssertionError)
"""What aiokafka raises when another producer has taken the transactional id over: the last two surface where a call
finds the producer in its fatal state already."""


class Fenced(Exception):
    """Another worker owns the partition now."""


class PartitionProducer:
    """The producer of one stage partition: `fence`, then `commit` one unit after the other; `close` at the end.

    `row_bytes_max` is what a record batch of rows may have; a larger row has a batch of its own.
    """

    def __init__(
        self, kafka: Mapping[str, Any], transactional_id: str, group_id: str, row_bytes_max: int = ROWS_BATCH_BYTES
    ) -> None:
        self._group_id = group_id
        self._producer = AIOKafkaProducer(
            **kafka,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            acks="all",
            # aiokafka compresses lz4 at level 9: ten times the time of its zstd, and more bytes
            compression_type="zstd",
            linger_ms=0,
            # half the time of a small transaction is waiting for the coordinator to be ready for the next step
            retry_backoff_ms=10,
            request_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=min(ROWS_BATCH_BYTES, row_bytes_max),
            max_request_size=REQUEST_BYTES_MAX,
        )

    async def fence(self) -> None:
        """Initialise: whoever wrote under this id before is fenced off, and what it left open is aborted.

        Raises KafkaError, or TimeoutError after STEP_S_MAX.
        """
        async with _bounded("fencing"):
            await self._producer.start()

    async def commit(
        self,
        changelog: TopicPartition,
        changes: Changes,
        dead: tuple[str, Sequence[DeadLetter]],
        positions: Mapping[TopicPartition, int],
        forwards: Sequence[Forward] = (),
        *,
        is_one_move: bool = False,
        last: Headers = NO_HEADERS,
    ) -> int:
        """Write all of it in one transaction; returns a changelog offset before which nothing need be read again
        (that of the last record batch: what it holds may be read once more and changes nothing), 0 without rows.

        `is_one_move`: the changes move something from row to row, so that a reader who saw some of them without the
        others would see it twice or not at all. All of them but the last carry the header `MORE`.
        `last` are headers of the last row.

        Raises Fenced, or any KafkaError, or TimeoutError after STEP_S_MAX, when it was not committed or may not have
        been.
        """
        producer = self._producer
        sends: list[asyncio.Future[Any]] = []
        headers = MORE if is_one_move else NO_HEADERS
        try:
            async with _bounded("a transaction"):
                await producer.begin_transaction()
                for send in self._sends(changelog, changes, headers, last):
                    sends.append(await send)  # noqa: PERF401 — what was sent must be known if the next one fails
                rows = len(sends)
                for send in (*await self._dead_sends(*dead), *self._forward_sends(forwards)):
                    sends.append(await send)  # noqa: PERF401 — as above
                offsets = (
                    producer.send_offsets_to_transaction(dict(positions), self._group_id) if positions else _nothing()
                )
                # every single send is awaited: a commit succeeds although a send has failed
                *sent, _ = await asyncio.gather(*sends, offsets)
                await producer.commit_transaction()
        except FENCED as exc:
            raise Fenced(repr(exc)) from exc
        finally:
            for sending in sends:  # after the first failure nobody asks for the others
                sending.add_done_callback(_heard)
        return max((int(metadata.offset) for metadata in sent[:rows]), default=0)

    def _sends(self, changelog: TopicPartition, changes: Changes, headers: Headers, of_last: Headers) -> list[Any]:
        """One send a full record batch: appending to a batch costs a fifth of a send of its own.

        All records but the last have `headers`, that one has `of_last`.
        """
        producer, sends = self._producer, []
        builder = producer.create_batch()
        last = next(reversed(changes), None)
        for key, row in changes.items():
            own = of_last if key is last else headers
            if builder.append(timestamp=None, key=key, value=row, headers=own) is None:
                sends.append(producer.send_batch(builder, changelog.topic, partition=changelog.partition))
                builder = producer.create_batch()
                builder.append(timestamp=None, key=key, value=row, headers=own)
        if builder.record_count():
            sends.append(producer.send_batch(builder, changelog.topic, partition=changelog.partition))
        return sends

    async def _dead_sends(self, topic: str, letters: Sequence[DeadLetter]) -> list[Any]:
        if not letters:
            return []
        partitions = len(await self._producer.partitions_for(topic))
        sends = []
        for partition, letter in dead_letters.spread(letters, partitions):
            key, value, headers = dead_letters.message(letter)
            sends.append(self._producer.send(topic, value, key=key, partition=partition, headers=headers))
        return sends

    def _forward_sends(self, forwards: Sequence[Forward]) -> list[Any]:
        send = self._producer.send
        return [send(topic, value, key=key, headers=list(headers)) for topic, key, value, headers, _ in forwards]

    async def close(self) -> None:
        """Stop within a bounded time; an open transaction is left for the next owner to abort."""
        await clients.stop(self._producer)


@asynccontextmanager
async def _bounded(what: str) -> AsyncIterator[None]:
    """A bound in time. A commit that it ends was not made, or will be found when the partition is taken over."""
    bound = asyncio.timeout(STEP_S_MAX)
    try:
        async with bound:
            yield
    except TimeoutError as exc:
        if not bound.expired():
            raise
        raise TimeoutError(f"{what} did not end within {STEP_S_MAX:g} s") from exc


def _heard(future: asyncio.Future[Any]) -> None:
    """Take note of a failure that is told by another one."""
    if not future.cancelled():
        future.exception()


async def _nothing() -> None:
    """No offsets to send."""
