"""A shard in memory and one in RocksDB hold what a plain dict holds, whatever is done to them in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import orjson
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rocks import RocksShard
from carbon_stream.streaming.shard import Mark, Origin, Shard

WORDS = strategies.sampled_from(["user", "edge", "a,b", '"', "ü", "ids", "", "[", "\x00"])
PARTS = strategies.one_of(WORDS, strategies.integers(-3, 3))
KEYS = strategies.lists(PARTS, min_size=1, max_size=4).filter(lambda parts: parts[0] != "ids").map(orjson.dumps)
ROWS = strategies.dictionaries(KEYS, strategies.one_of(strategies.none(), strategies.binary(min_size=1)), max_size=6)
IDS = strategies.integers(0, 5).map(lambda n: orjson.dumps(["ids", "t", n]))
SEGMENTS = strategies.dictionaries(IDS, strategies.binary(min_size=1), max_size=3)
CHANGED_SEGMENTS = strategies.dictionaries(IDS, strategies.one_of(strategies.none(), strategies.binary()), max_size=3)
STEPS = strategies.integers(0, 5)


def _merge(into: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    for key, row in changes.items():
        if row is None:
            into.pop(key, None)
        else:
            into[key] = row


class Shards(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="shards-"))
        self.memory, self.rocks = MemoryShard(), RocksShard(self.folder / "t-0")
        self.rows: dict[bytes, bytes] = {}
        self.segments: dict[bytes, bytes] = {}
        self.in_hand: dict[bytes, bytes] = {}
        self.position = 0
        self.rocks.open()
        self.forget(0)

    @property
    def both(self) -> tuple[Shard, Shard]:
        return self.memory, self.rocks

    @rule(number=STEPS)
    def forget(self, number: int) -> None:
        self.origin = Origin("cluster", f"topic-{number}")
        for shard in self.both:
            shard.clear(self.origin)
        self.rows, self.segments, self.in_hand, self.position, self.is_written = {}, {}, {}, 0, False

    @rule(rows=ROWS, segments=SEGMENTS, step=STEPS, at=strategies.one_of(strategies.none(), strategies.integers(1, 9)))
    def load(self, rows: dict[bytes, bytes | None], segments: dict[bytes, bytes], step: int, at: int | None) -> None:
        self.position += step
        self.is_written = True
        for shard in self.both:
            before = shard.mark.at
            shard.load({**rows, **segments}, self.position, at)
            assert shard.mark.at == (before if at is None else at), "half a restore says nothing of what was deleted"
        _merge(self.rows, rows)
        self.segments |= segments

    @rule(rows=ROWS, segments=CHANGED_SEGMENTS, step=STEPS)
    def apply(self, rows: dict[bytes, bytes | None], segments: dict[bytes, bytes | None], step: int) -> None:
        self.position += step
        self.is_written = True
        self.take()
        for shard in self.both:
            shard.apply(rows, segments, self.position)
        _merge(self.rows, rows)
        _merge(self.segments, segments)
        _merge(self.in_hand, segments)

    @rule()
    def take(self) -> None:
        """What is in memory is taken once, and is its taker's from then on."""
        self.in_hand |= dict(self.memory.segments())
        assert self.in_hand == dict(self.rocks.segments()) == self.segments

    @rule()
    def come_back(self) -> None:
        mark = self.rocks.mark
        self.rocks.close()
        self.rocks = RocksShard(self.folder / "t-0")
        self.rocks.open()
        if self.is_written:
            assert self.rocks.mark == mark
        else:
            assert self.rocks.mark == Mark()
            self.rocks.clear(self.origin)  # before the first write there is nothing to come back to

    @invariant()
    def hold_the_same(self) -> None:
        counts = Counter((key[0], key[1]) for key in map(orjson.loads, self.rows) if len(key) > 2)
        for shard in self.both:
            assert {key: shard.get(key) for key in shard.keys()} == self.rows  # noqa: SIM118 — it is no mapping
            assert len(shard) == len(self.rows)
            assert {pair: shard.count(pair) for pair in counts} == counts
            assert shard.count(("user", 99)) == 0
            assert shard.get(b'["none"]') is None
            assert (shard.mark.position, shard.mark.origin) == (self.position, self.origin)

    def teardown(self) -> None:
        self.rocks.close()
        shutil.rmtree(self.folder)


TestShardsAgree = Shards.TestCase
TestShardsAgree.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
