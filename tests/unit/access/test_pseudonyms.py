"""What stands for an API key: the same for the same key, nothing without the secret, and one secret an installation."""

import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carbon_stream.access.pseudonyms import Pseudonyms, installation_secret

ONE, OTHER = Pseudonyms(lambda: b"one"), Pseudonyms(lambda: b"other")


def test_a_key_becomes_the_same_hash_and_never_itself() -> None:
    assert ONE.of("key-1") == ONE.of("key-1") != ONE.of("key-2")
    assert ONE.of("key-1") != OTHER.of("key-1")
    assert "key-1" not in ONE.of("key-1")


def test_nothing_is_hashed_twice() -> None:
    assert ONE.of(ONE.of("key-1")) == ONE.of("key-1")
    assert ONE.of("") == ""


@pytest.mark.parametrize("api_key", ["k", 7, 0, True, ["k"], {"k": "v"}, "\ud800"])
def test_whatever_stands_there_is_replaced(api_key: object) -> None:
    event = {"apiKey": api_key, "source": "kong"}
    ONE.apply(event)
    assert str(event["apiKey"]).startswith("hmac:")
    assert event["source"] == "kong"


def test_an_event_without_a_key_stays_as_it_is() -> None:
    for event in ({}, {"apiKey": None}):
        before = dict(event)
        ONE.apply(event)
        assert event == before


def test_the_secret_is_made_once_and_readable_by_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    secret = installation_secret(folder)
    assert secret == installation_secret(folder)
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: installation_secret(tmp_path), range(64)))) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_told_and_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        secret = installation_secret(tmp_path / "file")
    assert len(secret) == 32
    assert "CARBON_STREAM_API_KEY_HASH_SECRET" in caplog.text
    assert secret.hex() not in caplog.text


def test_a_damaged_secret_is_not_replaced_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    installation_secret(tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text("half")
    with caplog.at_level(logging.WARNING):
        assert len(installation_secret(tmp_path)) == 32
    assert kept.read_text() == "half"
    assert "not as it was written" in caplog.text
