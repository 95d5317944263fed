"""The command line: what each command says before anything runs, and how it tells what went wrong."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from carbon_stream.access.entries import parse_access
from carbon_stream.cli import main
from carbon_stream.commands.frame import Group
from carbon_stream.contracts.exports import export_all
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings, variable_of


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_of(name), raising=False)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [path]
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
        else:
            found.append((*path, name))
    return found


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_an_unknown_option_is_a_usage_error(path: tuple[str, ...]) -> None:
    assert CliRunner().invoke(main, [*path, "--no-such-option"]).exit_code == 2


def test_asking_for_help_loads_neither_kafka_nor_http() -> None:
    code = "import sys, carbon_stream.cli; print([m for m in ('faust', 'aiokafka', 'aiohttp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_what_an_operator_can_mend_is_a_message_and_status_1() -> None:
    @click.group(cls=Group)
    def group() -> None:
        """A group."""

    @group.command()
    def fails() -> None:
        raise OperatorError("the lamp is dark: light it")

    result = CliRunner().invoke(group, ["fails"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "carbon-stream: the lamp is dark: light it\n"


def test_wrong_settings_stop_a_command_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_HTTP_PORT", "many")
    result = CliRunner().invoke(main, ["bootstrap", "plan", "topics"])
    assert result.exit_code == 1
    assert "CARBON_STREAM_HTTP_PORT" in result.stderr


def test_settings_show_origin_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_ADMIN_TOKEN", "swordfish")
    monkeypatch.setenv("CARBON_STREAM_HTTP_PORT", "18080")
    result = CliRunner().invoke(main, ["settings"])
    assert "swordfish" not in result.output
    assert sum(line.startswith("* CARBON_STREAM") for line in result.output.splitlines()) == 2
    rows = json.loads(CliRunner().invoke(main, ["settings", "--output", "json"]).output)
    assert [row["value"] for row in rows if row["from"] == "environment"] == ["18080", "********"]


def test_exports_are_checked_file_by_file(tmp_path: Path) -> None:
    export_all(tmp_path)
    fresh = CliRunner().invoke(main, ["contracts", "export", "--check", str(tmp_path)])
    assert fresh.exit_code == 0, fresh.output
    page = tmp_path / "docs" / "events.md"
    page.write_text(page.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    stale = CliRunner().invoke(main, ["contracts", "export", "--check", str(tmp_path)])
    assert stale.exit_code == 1
    assert stale.stderr == f"stale: {page}\n"
    assert CliRunner().invoke(main, ["contracts", "export", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(main, ["contracts", "export", "--check", str(tmp_path)]).exit_code == 0


def test_replay_wants_ids_or_a_filter_and_not_both() -> None:
    for arguments in ([], ["0-1", "--reason", "invalid"]):
        assert CliRunner().invoke(main, ["dead-letters", "replay", *arguments]).exit_code == 2


def test_a_new_key_fits_the_file_that_it_is_for(tmp_path: Path) -> None:
    command = ["keys", "new", "--name", "loader", "--role", "sender", "--source", "batch-*", "--rate", "500"]
    made = CliRunner().invoke(main, [*command, "--expires", "2027-01-31"])
    assert made.exit_code == 0
    key = made.stderr.splitlines()[0].rpartition(" ")[2]
    file = tmp_path / "access.yaml"
    file.write_text("version: 1\nkeys:\n" + made.stdout)
    assert key not in made.stdout
    _, principal = parse_access(file.read_bytes(), "it").keys[key.split("_")[1]]
    assert (principal.name, principal.allowance.sources) == ("loader", ("batch-*",))
    checked = CliRunner().invoke(main, ["keys", "check", str(file)])
    assert checked.exit_code == 0
    assert "loader: sender, until 2027-01-31" in checked.stdout


def test_a_key_that_could_not_be_used_is_not_made() -> None:
    made = CliRunner().invoke(main, ["keys", "new", "--name", "x", "--role", "sender", "--type", "PageViewEvent"])
    assert made.exit_code == 1
    assert "matches no event type" in made.stderr
    assert "cs_" not in made.output
