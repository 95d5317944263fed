"""The data directory knows its cluster and its holder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from carbon_stream.local import DataDirectoryInUse, DataDirectoryMismatch
from carbon_stream.local.directory import DataDirectory


def _open(path: Path, *, nodes: int = 1, version: str = "4.2.0") -> DataDirectory:
    directory = DataDirectory(path, nodes=nodes, version=version)
    directory.acquire()
    return directory


def _format(directory: DataDirectory, *, cluster_id: str | None = None, node: int = 1) -> Path:
    meta = directory.node(1) / "data" / "meta.properties"
    meta.parent.mkdir(parents=True)
    meta.write_text(f"#\ncluster.id={cluster_id or directory.cluster_id}\nnode.id={node}\nversion=1\n")
    return meta


def test_cluster_id_is_kept(tmp_path: Path) -> None:
    first = _open(tmp_path / "new" / "place")
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", first.cluster_id)
    first.release()
    second = _open(tmp_path / "new" / "place")
    assert second.cluster_id == first.cluster_id
    second.release()


def test_directory_in_use_names_the_holder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from carbon_stream.local.directory import DataDirectory\n"
        "d = DataDirectory(Path(sys.argv[1]), nodes=1, version='4.2.0'); d.acquire(); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirectoryInUse, match=rf"process {holder.pid}: stop that one first"):
            _open(tmp_path)
        holder.kill()
    _open(tmp_path).release()


def test_another_version_is_refused(tmp_path: Path) -> None:
    _open(tmp_path, version="4.1.0").release()
    with pytest.raises(DataDirectoryMismatch, match=r"made with Kafka 4\.1\.0, and this is Kafka 4\.2\.0"):
        _open(tmp_path)


def test_another_number_of_nodes_is_refused(tmp_path: Path) -> None:
    _open(tmp_path, nodes=3).release()
    with pytest.raises(DataDirectoryMismatch, match="node count 3"):
        _open(tmp_path)


def test_foreign_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataDirectoryMismatch, match=r"thesis\.tex"):
        _open(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_refused_directory_is_not_left_locked(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataDirectoryMismatch):
        _open(tmp_path)
    (tmp_path / "thesis.tex").unlink()
    _open(tmp_path).release()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kafka": "4.2.0"}'])
def test_unreadable_identity_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "cluster.json").write_text(content)
    with pytest.raises(DataDirectoryMismatch, match="cannot be read"):
        _open(tmp_path)


def test_a_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryMismatch, match="give another"):
        _open(tmp_path / "file")


def test_a_path_that_kafka_would_take_for_two(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryMismatch, match="comma"):
        _open(tmp_path / "mine,yours")
    assert not (tmp_path / "mine,yours").exists()


def test_node_of_another_cluster_is_refused(tmp_path: Path) -> None:
    directory = _open(tmp_path)
    assert not directory.is_formatted(1)
    meta = _format(directory, cluster_id="anotherclusteranothercl")
    with pytest.raises(DataDirectoryMismatch, match="anotherclusteranothercl"):
        directory.is_formatted(1)
    meta.write_text(f"cluster.id={directory.cluster_id}\nnode.id=7\n")
    with pytest.raises(DataDirectoryMismatch, match="node 7"):
        directory.is_formatted(1)
    meta.write_text(f"cluster.id={directory.cluster_id}\nnode.id=1\n")
    assert directory.is_formatted(1)
    directory.release()


def test_data_without_its_identity_is_never_formatted_over(tmp_path: Path) -> None:
    directory = _open(tmp_path)
    _format(directory).unlink()
    topic = directory.node(1) / "data" / "events-0"
    topic.mkdir()
    with pytest.raises(DataDirectoryMismatch, match="events-0"):
        directory.is_formatted(1)
    assert topic.is_dir()
    directory.release()


def test_format_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    directory = _open(tmp_path)
    data = directory.node(1) / "data"
    data.mkdir(parents=True)
    (data / "bootstrap.checkpoint").write_bytes(b"half")
    assert not directory.is_formatted(1)
    assert not data.exists()
    directory.release()


def test_identity_card_is_readable_json(tmp_path: Path) -> None:
    directory = _open(tmp_path, nodes=3)
    card = json.loads((tmp_path / "cluster.json").read_text())
    assert card == {"kafka": "4.2.0", "clusterId": directory.cluster_id, "nodes": 3}
    directory.release()
