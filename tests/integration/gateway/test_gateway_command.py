"""`carbon-stream bootstrap plan|apply|export gateway`: what it prints, and its exit status."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from carbon_stream.cli import main
from carbon_stream.settings import Settings, variable_of
from tests.support.kong import Kong


@pytest.fixture(autouse=True)
def environment(kong: Kong, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_of(name), raising=False)
    monkeypatch.setenv("CARBON_STREAM_KONG_ADMIN_URL", kong.url)
    monkeypatch.setenv("CARBON_STREAM_KONG_ADMIN_TOKEN", "rbac-token-42")


async def command(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["bootstrap", *words])


async def test_plan_apply_plan(kong: Kong) -> None:
    plan = await command("plan", "gateway")
    assert plan.exit_code == 2
    assert plan.stdout.startswith("+ create service datahub-gms\n")
    assert plan.stdout.endswith("40 to create, 0 to change, 0 to delete; 0 as they should be, 0 not ours.\n")
    dry = await command("apply", "gateway", "--dry-run")
    assert (dry.exit_code, dry.stdout, kong.writes) == (2, plan.stdout, 0)
    applied = await command("apply", "gateway")
    assert applied.exit_code == 0, applied.output
    assert applied.stdout.startswith("[1/40] create service datahub-gms\n")
    assert "The gateway is as it should be: 40 steps done" in applied.stdout
    again = await command("plan", "gateway", "--output", "json")
    assert again.exit_code == 0
    document = json.loads(again.stdout)
    assert (document["area"], document["clean"], document["steps"], len(document["left"])) == ("gateway", True, [], 40)
    assert "rbac-token-42" not in plan.output + applied.output + again.output


async def test_drift_is_shown_with_old_and_new(kong: Kong) -> None:
    await command("apply", "gateway")
    kong.patch("services", "trino", {"read_timeout": 60_000})
    kong.add("services", {"name": "theirs", "host": "theirs"})
    plan = await command("plan", "gateway")
    assert plan.stdout == (
        "~ change service trino\n"
        "    read_timeout: 60000 -> 3600000\n"
        "  not ours, left alone: service theirs\n"
        "0 to create, 1 to change, 0 to delete; 39 as they should be, 1 not ours.\n"
    )


async def test_a_stopped_run_says_how_to_go_on_in_both_forms(kong: Kong) -> None:
    kong.fault = lambda method, path, number: 403 if number >= 3 else None
    stopped = await command("apply", "gateway", "--output", "json")
    assert stopped.exit_code == 1
    document = json.loads(stopped.stdout)
    assert (document["clean"], len(document["done"]), len(document["undone"])) == (False, 2, 38)
    assert document["why"].startswith("PUT /services/trino was refused: 403")
    assert "run the same command again" in stopped.stderr


async def test_an_error_is_status_1(tmp_path: Path, kong: Kong) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("services: {trino: {retries: many}}")
    failed = await command("plan", "gateway", "--overlay", str(overlay))
    assert failed.exit_code == 1
    assert "services.trino.retries" in failed.stderr
    kong.token = "another-token"
    refused = await command("plan", "gateway")
    assert refused.exit_code == 1
    assert "401" in refused.stderr


async def test_export_asks_nothing(tmp_path: Path, kong: Kong) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("services: {trino: {retries: 3}}")
    exported = await command("export", "gateway", "--overlay", str(overlay))
    services = {each["name"]: each for each in yaml.safe_load(exported.stdout)["services"]}
    assert services["trino"]["retries"] == 3
    for form in ("kubernetes", "values", "schema", "overlay-schema"):
        assert (await command("export", "gateway", "--format", form)).exit_code == 0
    assert kong.asked == []
