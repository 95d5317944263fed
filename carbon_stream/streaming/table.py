"""Faust tables whose rows change in units of work only, kept away from Faust's own recovery."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import faust
import orjson
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP

from carbon_stream.streaming.formats import Formats
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Key, Row, encode_key
from carbon_stream.streaming.shard import Shard

if TYPE_CHECKING:
    from carbon_stream.streaming.app import App


class ReadOnly(TypeError):
    """A row was to be changed outside a unit of work."""


class Table(faust.Table[Any, Any]):
    """A table declared the Faust way (`app.Table("name", partitions=n)`), read like a mapping from key to row.

    It holds the rows of the partitions that this worker owns. Rows are changed by a stage's fold and sweep, whose
    changes are committed with the source offsets; assigning a row here raises ReadOnly. `formats` says which versions
    of rows there are.
    """

    def __init__(self, app: App, *args: Any, formats: Formats | None = None, **kwargs: Any) -> None:
        super().__init__(app, *args, **kwargs)
        self.formats = replace(formats or Formats(), writes_previous=app.writes_previous_formats)
        self.shards: dict[int, Shard] = {}

    def shard(self, partition: int) -> Shard:
        """The rows of one partition, made when it is first asked for; whoever works on it opens and closes it.

        Where they are kept is said the Faust way, by the URL in the table's or the app's `store`.
        """
        if partition not in self.shards:
            self.shards[partition] = self._made(partition)
        return self.shards[partition]

    @property
    def is_on_disk(self) -> bool:
        """Whether its rows are kept in files; ValueError for a store that we do not have."""
        # a URL without a host is false
        scheme = (self.app.conf.store if self._store is None else self._store).scheme
        if scheme not in ("memory", "rocksdb"):
            raise ValueError(f"table {self.name}: store {scheme}:// is not one of memory://, rocksdb://")
        return bool(scheme == "rocksdb")

    def _made(self, partition: int) -> Shard:
        if not self.is_on_disk:
            return MemoryShard()
        from carbon_stream.streaming.rocks import RocksShard  # an app in memory needs no rocksdict

        return RocksShard(Path(self.app.conf.tabledir) / f"{self.name}-{partition}")

    def drop(self, partition: int) -> None:
        """Forget a partition that has moved elsewhere."""
        self.shards.pop(partition, None)

    def rows(self, key: Key) -> dict[int, Row]:
        """The rows under a key, by partition: partial rows of one entity may stand in several."""
        encoded = encode_key(key)
        found = {n: shard.get(encoded) for n, shard in self.shards.items()}
        return {n: self.formats.read(key, orjson.loads(row)) for n, row in found.items() if row is not None}

    def __len__(self) -> int:
        return sum(len(shard) for shard in self.shards.values())

    def __iter__(self) -> Iterator[bytes]:
        return itertools.chain.from_iterable(shard.keys() for shard in self.shards.values())

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ReadOnly(f"table {self.name}: rows change in a stage's fold, within its unit of work")

    def __delitem__(self, key: Any) -> None:
        raise ReadOnly(f"table {self.name}: rows are deleted in a stage's fold or sweep, within its unit of work")


class TableManager(FaustTableManager):
    """Knows the tables for their names only. Faust's recovery reads uncommitted changelogs, one event at a time, and
    waits for ever on one that ends in a transaction marker: stages restore their partitions themselves.
    """

    app: App

    def add(self, table: Any) -> Any:
        """Register a table; its changelog stays out of Faust's subscription and recovery."""
        if not isinstance(table, Table):
            raise TypeError(f"{table!r}: tables of this app are declared with app.Table")
        if table.name in self.declared:
            raise ValueError(f"table {table.name!r} is declared twice")
        self.declared[table.name] = table
        return table

    @property
    def declared(self) -> dict[str, Table]:
        """Tables by name."""
        return cast(dict[str, Table], self.__dict__.setdefault("_declared", {}))

    async def on_start(self) -> None:
        """Start without Faust's pause of a second: there is nothing to wait for."""
        await self._update_channels()
        await self.recovery.start()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The group is about to hand partitions out anew."""
        self.app.stages.hold()
        super().on_partitions_revoked(revoked)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Tell the stages what is theirs now; they take it over beside the rebalance, not within it."""
        await self.app.stages.assign(assigned, len(revoked))
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
