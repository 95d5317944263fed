"""What comes in for one partition: a bounded queue of batches, and the proof that none is missing between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from faust.types import TP

from carbon_stream.streaming.batch import Batch

QUEUE_RECORDS_MAX = 10_000
QUEUE_BYTES_MAX = 8 * 1024 * 1024
ALL_BYTES_MAX = 16 * 1024 * 1024
"""Of all partitions of a worker together, with what they are working on. A record takes about three times this."""


class Intake:
    """Queue and continuity of one partition's topics.

    Faust may drop a batch without a word (a stale generation, a stopped flow). Each batch says which offset came before
    it in its run; where that is not what came last, something was skipped, and all must be read again from the
    position. The first batch of a run has nothing before it: if it starts beyond the position, it is believed only when
    a second reading brings the same, because then the log has no such offsets (markers, retention).
    """

    def __init__(self) -> None:
        self._queue: deque[Batch] = deque()
        self._records = self._bytes = self._taken_bytes = 0
        self._following: dict[str, tuple[int, int | None]] = {}  # by topic: run, last offset handed over
        self._doubted: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def has_room(self) -> bool:
        """Whether another batch may be fetched: bounded in records and in bytes, exceeded by one batch at most."""
        return self._records < QUEUE_RECORDS_MAX and self._bytes < QUEUE_BYTES_MAX

    @property
    def size_bytes(self) -> int:
        """Keys and values that are queued, or were taken and are being worked on."""
        return self._bytes + self._taken_bytes

    def put(self, batch: Batch) -> str | None:
        """Queue a batch. What is left of an older run is dropped; a gap within a run is returned as a reason."""
        topic = batch[0].topic
        run, last = self._following.get(topic, (0, None))
        if batch.run < run:
            return None
        if batch.run > run:
            last = None
        if batch.previous != last:
            return f"{topic}: a batch after offset {batch.previous} came after {last}: one was skipped"
        self._following[topic] = (batch.run, batch[-1].offset)
        self._queue.append(batch)
        self._records += len(batch)
        self._bytes += batch.size_bytes()
        return None

    def take(self) -> list[Batch]:
        """Everything that is queued, as one: a backlog is worked off in few large units."""
        batches = list(self._queue)
        self._taken_bytes = self._bytes
        self.drop()
        return batches

    def done(self) -> None:
        """What was taken last is worked off, or given up."""
        self._taken_bytes = 0

    def drop(self) -> None:
        """Forget what is queued."""
        self._queue.clear()
        self._records = self._bytes = 0

    def doubt(self, batches: Iterable[Batch], position: Callable[[str], int]) -> str | None:
        """A reason to read again if a run among these begins beyond its topic's position for the first time."""
        for batch in batches:
            topic, first = batch[0].topic, batch[0].offset
            if batch.previous is None and first > position(topic) and self._doubted.get(topic) != first:
                self._doubted[topic] = first
                return f"{topic}: reading began at {first}, not at {position(topic)}"
        return None

    def follow(self, runs: dict[str, int]) -> None:
        """From now on only these runs count (topic to run), each from its beginning."""
        self._following = {topic: (run, None) for topic, run in runs.items()}


def roomy(intakes: Mapping[TP, Intake]) -> set[TP]:
    """Of which source partitions another batch may be fetched, given their queues (topics of one stage share them).

    Once all of them together have too much, only those whose queue is empty: so memory is bounded however many
    partitions a worker has, and none of them starves.
    """
    is_full = (
        sum(intake.size_bytes for intake in {id(each): each for each in intakes.values()}.values()) >= ALL_BYTES_MAX
    )
    return {tp for tp, intake in intakes.items() if intake.has_room() and not (is_full and intake)}
