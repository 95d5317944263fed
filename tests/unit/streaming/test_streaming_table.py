"""A table is read like a mapping and written by units of work only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from carbon_stream.streaming.app import App
from carbon_stream.streaming.exclusive import DirectoryInUse
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rocks import RocksShard
from carbon_stream.streaming.rows import encode_key
from carbon_stream.streaming.table import ReadOnly, Table

ANN = ("user", 0, "ann")


def declared(name: str = "users", **options: Any) -> tuple[App, Table]:
    app = App("table-test", kafka={"bootstrap_servers": "127.0.0.1:1"}, dead_letters="dead", **options)
    table: Any = app.Table(name, partitions=4)
    return app, table


def test_the_rows_of_an_entity_are_found_in_every_partition_that_is_owned() -> None:
    _, table = declared()
    for partition, count in ((0, 1), (3, 7)):
        table.shard(partition).apply({encode_key(ANN): orjson.dumps({"n": count})}, {}, 0)
    table.shard(3).apply({encode_key(("user", 0, "bob")): orjson.dumps({"n": 2})}, {}, 0)
    assert table.rows(ANN) == {0: {"n": 1}, 3: {"n": 7}}
    assert len(table) == 3
    assert sorted(table) == sorted([encode_key(ANN), encode_key(ANN), encode_key(("user", 0, "bob"))])


def test_a_partition_that_has_moved_elsewhere_is_forgotten() -> None:
    _, table = declared()
    table.shard(2).apply({encode_key(ANN): b"{}"}, {}, 0)
    table.drop(2)
    assert table.rows(ANN) == {}
    assert len(table) == 0


def test_a_row_is_not_changed_outside_a_unit_of_work() -> None:
    _, table = declared()
    with pytest.raises(ReadOnly, match="users"):
        table["ann"] = 1
    with pytest.raises(ReadOnly, match="users"):
        del table["ann"]


def test_a_table_is_declared_once_and_with_the_app_itself() -> None:
    app, table = declared()
    with pytest.raises(ValueError, match="twice"):
        app.Table("users", partitions=4)
    with pytest.raises(TypeError, match=r"app\.Table"):
        app.tables.add("users")  # type: ignore[arg-type]
    assert app.tables.declared == {"users": table}  # type: ignore[attr-defined]


def test_rows_are_kept_where_the_store_says(tmp_path: Path) -> None:
    app, table = declared(store="rocksdb://", datadir=tmp_path)
    assert isinstance(table.shard(2), RocksShard)
    assert isinstance(app.Table("beside", partitions=4, store="memory://").shard(2), MemoryShard)  # type: ignore[attr-defined]
    assert isinstance(declared()[1].shard(2), MemoryShard)
    with pytest.raises(ValueError, match=r"store aerospike:// is not one of memory://, rocksdb://"):
        declared(store="aerospike://")[1].shard(2)


def test_a_directory_of_tables_is_claimed_by_one_app(tmp_path: Path) -> None:
    first, table = declared(store="rocksdb://", datadir=tmp_path)
    first.claim()
    first.claim()
    table.shard(0).open()
    with pytest.raises(DirectoryInUse):
        declared(store="rocksdb://", datadir=tmp_path)[0].claim()
    declared(datadir=tmp_path)[0].claim()  # what is in memory needs no directory
    table.shard(0).close()
    assert (Path(first.conf.tabledir) / "users-0" / "CURRENT").exists()
