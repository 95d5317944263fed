"""`carbon-stream rules check|explain`, and a shipped rule that is switched off."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from carbon_stream.cli import main
from carbon_stream.contracts.examples import valid
from carbon_stream.contracts.names import ALERTS
from carbon_stream.contracts.own import Observation
from carbon_stream.projections import alerts
from carbon_stream.projections.rows import MemoryRows
from carbon_stream.rules.engine import Engine
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.reading import SERVICE_ALERTS, read
from carbon_stream.streaming.entry import Entry

T = 1_764_000_000_000
FILE = """
topics: {big: {}}
rules:
  - name: big
    match: {exact: {eventType: DataIngestionEvent}, gt: {recordCount: 10}}
    to: {topic: big}
  - name: to-quality
    match: {exact: {eventType: DataIngestionEvent}}
    set: {eventType: DataQualityEvent}
    to: {topic: data-quality}
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CARBON_STREAM_RULES", "CARBON_STREAM_RULES_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    return path


def run(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["rules", *arguments], input=given)


def test_check_shows_what_each_rule_reads_and_writes(rules: Path) -> None:
    done = run("check", "--file", str(rules))
    assert done.exit_code == 0, done.output
    assert "big                      data-ingestion → big\n" in done.output
    assert done.output.endswith("4 rules: good\n")
    shown = orjson.loads(run("check", "--file", str(rules), "--output", "json").stdout)
    assert [one["name"] for one in shown["rules"]] == ["denied-actions", "repeated-failures", "big", "to-quality"]


def test_check_tells_every_mistake_and_fails(rules: Path) -> None:
    rules.write_text(FILE.replace("gt:", "more:").replace("topic: data-quality", "topic: nowhere"))
    done = run("check", "--file", str(rules))
    assert done.exit_code == 1
    assert "rules[0].match.more: Extra inputs are not permitted" in done.stderr


def test_explain_shows_the_tests_and_what_would_be_sent(rules: Path) -> None:
    event = valid("DataIngestionEvent")[0].event | {"recordCount": 11}
    found = run("explain", "--file", str(rules), "--output", "json", given=orjson.dumps(event))
    assert found.exit_code == 0, found.output
    by_name = {one["rule"]: one for one in orjson.loads(found.stdout)}
    assert by_name["denied-actions"]["outcome"] == "does not match"
    assert by_name["big"]["sends"]["topic"] == "big"
    assert by_name["big"]["sends"]["event"]["causationId"] == event["eventId"]
    assert [test["holds"] for test in by_name["big"]["tests"]] == [True, True, True]
    assert by_name["to-quality"]["outcome"].startswith("matches, and sends nothing (invalid): it would be no valid")
    told = run("explain", "--file", str(rules), given=orjson.dumps(event | {"recordCount": 10})).output
    assert "no   gt recordCount: 10, the event has 10" in told


def test_explain_says_that_a_refused_event_meets_no_rule(rules: Path) -> None:
    done = run("explain", "--file", str(rules), given=b'{"eventType": "Nothing"}')
    assert done.exit_code == 1
    assert "no rule sees it" in done.stderr


class Quiet:
    def on_rule_failed(self, rule: str, reason: str) -> None:
        raise AssertionError(rule)

    def on_rules_loaded(self, rules: object, ok: bool) -> None:
        pass


def seen(number: int, status: str) -> Entry:
    observation = Observation("shop", "billing", status, T + number, ("system-health", 0, number))  # type: ignore[arg-type]
    return Entry(observation, T + number, "x", 0, number, T + number)


def test_service_alerts_can_be_switched_off_and_are_right_at_once_when_they_are_on_again() -> None:
    off = read(f"shipped: {{{SERVICE_ALERTS}: {{enabled: false}}}}", Hosts([]))
    engine = Engine(off, Quiet())
    fold = engine.switched(SERVICE_ALERTS, alerts.fold)
    rows = MemoryRows()
    fold(rows, "x", [seen(1, "UNHEALTHY")])  # type: ignore[arg-type]
    assert rows.forwards == []
    engine.use(read("", Hosts([])))
    fold(rows, "x", [seen(2, "UNHEALTHY"), seen(3, "HEALTHY"), seen(4, "UNHEALTHY")])  # type: ignore[arg-type]
    assert [forward.topic for forward in rows.forwards] == [ALERTS, ALERTS]
    assert [orjson.loads(forward.value)["state"] for forward in rows.forwards] == ["RESOLVED", "FIRING"]
