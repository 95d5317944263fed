"""The jar cache: nothing but what the manifest names is ever used, however the cache or the network misbehave."""

from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path

import pytest

from carbon_stream.local import ArtefactsUnavailable, CacheBroken, artefacts
from carbon_stream.local.artefacts import Manifest

CONTENTS = {"broker.jar": b"broker" * 100, "clients.jar": b"clients" * 50}
MANIFEST = Manifest(
    "1.2.3", "g:a:1.2.3", {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENTS.items()}
)


class Repository:
    """A Maven repository double: serves given files, or fails; counts how often it was asked."""

    def __init__(
        self,
        contents: dict[str, bytes] | None = None,
        *,
        own_cache_is_bad: bool = False,
        own_cache_is_unreadable: bool = False,
    ) -> None:
        self.contents = CONTENTS if contents is None else contents
        self.own_cache_is_bad = own_cache_is_bad
        self.own_cache_is_unreadable = own_cache_is_unreadable
        self.is_up = True
        self.asked = 0

    def __call__(self, wanted: Manifest, scratch: Path, repository: Path | None) -> list[Path]:
        self.asked += 1
        if not self.is_up or (self.own_cache_is_unreadable and repository is None):
            raise ArtefactsUnavailable("no network")
        scratch.mkdir(parents=True)
        for name, data in self.contents.items():
            (scratch / name).write_bytes(data[:-1] if self.own_cache_is_bad and repository is None else data)
        return list(scratch.iterdir())


def test_first_start_fetches_and_later_starts_do_not(tmp_path: Path) -> None:
    repository = Repository()
    first = artefacts.jars(tmp_path, MANIFEST, repository)
    repository.is_up = False
    assert artefacts.jars(tmp_path, MANIFEST, repository) == first
    assert {jar.name: jar.read_bytes() for jar in first} == CONTENTS
    assert repository.asked == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kafka-1.2.3", "kafka-1.2.3.lock"]


def _truncate(home: Path) -> None:
    (home / "broker.jar").write_bytes(b"")


def _flip_a_bit(home: Path) -> None:
    (home / "clients.jar").write_bytes(b"Clients" + CONTENTS["clients.jar"][7:])


def _remove(home: Path) -> None:
    (home / "clients.jar").unlink()


def _add_a_stranger(home: Path) -> None:
    (home / "evil.jar").write_bytes(b"evil")


@pytest.mark.parametrize("damage", [_truncate, _flip_a_bit, _remove, _add_a_stranger])
def test_broken_cache_is_explained_and_built_again(
    damage: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repository = Repository()
    artefacts.jars(tmp_path, MANIFEST, repository)
    assert callable(damage)
    damage(tmp_path / "kafka-1.2.3")
    with caplog.at_level(logging.WARNING):
        again = artefacts.jars(tmp_path, MANIFEST, repository)
    assert {jar.name: jar.read_bytes() for jar in again} == CONTENTS
    assert {p.name for p in (tmp_path / "kafka-1.2.3").iterdir()} == set(CONTENTS)
    assert "is broken" in caplog.text
    assert ".jar" in caplog.text


def test_broken_cache_without_network_says_both(tmp_path: Path) -> None:
    repository = Repository()
    artefacts.jars(tmp_path, MANIFEST, repository)
    _remove(tmp_path / "kafka-1.2.3")
    repository.is_up = False
    with pytest.raises(ArtefactsUnavailable, match=r"is broken \(clients.jar is missing\), and no network"):
        artefacts.jars(tmp_path, MANIFEST, repository)


def test_jars_that_differ_from_the_manifest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CacheBroken, match=r"broker.jar has SHA-256 .* do not use them"):
        artefacts.jars(tmp_path, MANIFEST, Repository({**CONTENTS, "broker.jar": b"Broker" * 100}))
    assert [p.name for p in tmp_path.iterdir()] == ["kafka-1.2.3.lock"]


def test_jars_that_the_manifest_does_not_name_are_left_out(tmp_path: Path) -> None:
    jars = artefacts.jars(tmp_path, MANIFEST, Repository({**CONTENTS, "newcomer.jar": b"?"}))
    assert {jar.name for jar in jars} == set(CONTENTS)


@pytest.mark.parametrize("how", ["own_cache_is_bad", "own_cache_is_unreadable"])
def test_bad_files_in_the_users_maven_repository_are_fetched_anew(tmp_path: Path, how: str) -> None:
    repository = Repository(
        own_cache_is_bad=how == "own_cache_is_bad", own_cache_is_unreadable=how != "own_cache_is_bad"
    )
    jars = artefacts.jars(tmp_path, MANIFEST, repository)
    assert {jar.name: jar.read_bytes() for jar in jars} == CONTENTS
    assert repository.asked == 2


def test_starts_at_once_fetch_once(tmp_path: Path) -> None:
    repository = Repository()
    results: list[list[Path]] = []
    threads = [
        threading.Thread(target=lambda: results.append(artefacts.jars(tmp_path, MANIFEST, repository)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert repository.asked == 1
    assert len(results) == 5


def test_left_overs_of_a_killed_installer_are_removed(tmp_path: Path) -> None:
    left_over = tmp_path / "kafka-1.2.3.new-killed"
    left_over.mkdir()
    (left_over / "broker.jar").write_bytes(b"half")
    artefacts.jars(tmp_path, MANIFEST, Repository())
    assert not left_over.exists()


def test_cache_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtefactsUnavailable, match="XDG_CACHE_HOME"):
        artefacts.jars(tmp_path / "file", MANIFEST, Repository())


def test_cache_root_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert artefacts.cache_root() == tmp_path / "carbon-stream"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert artefacts.cache_root() == Path("/home/somebody/.cache/carbon-stream")


def test_committed_manifest_pins_one_version() -> None:
    manifest = artefacts.manifest()
    assert f"kafka_2.13-{manifest.version}.jar" in manifest.jars
    assert f"kafka_2.13:{manifest.version}" in manifest.endpoint
    assert 30_000_000 < manifest.total_bytes < 60_000_000
    for size, sha256 in manifest.jars.values():
        assert size > 0
        assert len(bytes.fromhex(sha256)) == 32
