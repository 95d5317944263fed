"""The brokers' configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from carbon_stream.local.properties import NodeAddress, log4j2_properties, render, server_properties

THREE = [NodeAddress(1, 9092, 9192), NodeAddress(2, 9093, 9193), NodeAddress(3, 9094, 9194)]


def test_everything_binds_to_this_machine_only() -> None:
    settings = server_properties(THREE[1], THREE, Path("/data"), {})
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:9193"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9093"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9192,2@127.0.0.1:9193,3@127.0.0.1:9194"


@pytest.mark.parametrize(("nodes", "replication", "min_isr"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2")])
def test_replication_follows_the_number_of_nodes(nodes: int, replication: str, min_isr: str) -> None:
    settings = server_properties(THREE[0], THREE[:nodes], Path("/data"), {})
    assert settings["offsets.topic.replication.factor"] == replication
    assert settings["transaction.state.log.replication.factor"] == replication
    assert settings["default.replication.factor"] == replication
    assert settings["min.insync.replicas"] == settings["transaction.state.log.min.isr"] == min_isr


def test_largest_event_and_dead_letter_fit() -> None:
    settings = server_properties(THREE[0], THREE[:1], Path("/data"), {})
    assert int(settings["message.max.bytes"]) > (1 << 20) + (64 << 10) + 4096
    assert int(settings["replica.fetch.max.bytes"]) >= int(settings["message.max.bytes"])


def test_overrides_win() -> None:
    settings = server_properties(THREE[0], THREE[:1], Path("/data"), {"message.max.bytes": "7"})
    assert settings["message.max.bytes"] == "7"


@pytest.mark.parametrize("name", ["listeners", "node.id", "log.dirs", "controller.quorum.voters"])
def test_what_start_and_stop_rest_on_cannot_be_overridden(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        server_properties(THREE[0], THREE, Path("/data"), {name: "x"})


@pytest.mark.parametrize(("name", "value"), [("a", "1\nlisteners=x"), ("a=b", "1"), ("", "1"), ("a\nb", "1")])
def test_overrides_cannot_smuggle_lines(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"server\.properties"):
        server_properties(THREE[0], THREE, Path("/data"), {name: value})


def test_backslashes_survive() -> None:
    assert render({"a": "C:\\kafka"}) == "a=C:\\\\kafka\n"


def test_paths_of_any_language_survive() -> None:
    assert render({"log.dirs": "/home/zoë/😀"}) == "log.dirs=/home/zo\\u00eb/\\ud83d\\ude00\n"


def test_log_goes_to_a_bounded_file() -> None:
    text = log4j2_properties()
    assert "appender.file.policies.size.size=10MB" in text
    assert "Console" not in text
