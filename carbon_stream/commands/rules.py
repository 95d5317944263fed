"""`carbon-stream rules check|explain`: what a file of rules says, and what it would do with an event."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carbon_stream.commands.frame import load, output_option
from carbon_stream.errors import OperatorError

if TYPE_CHECKING:
    from carbon_stream.rules.model import Rule, RuleSet

_file = click.option(
    "--file", "path", type=click.Path(path_type=Path), help="The rules; else those of CARBON_STREAM_RULES."
)


@click.group()
def rules() -> None:
    """Routing rules: is a file good, and what does it do with an event."""


@rules.command("check")
@_file
@output_option
def check(path: Path | None, output: str) -> None:
    """Read the rules as a worker would, and show them. Exit status 1 with each mistake and its place."""
    from carbon_stream.rules.graph import reads

    found = _rules(path)
    if output == "json":
        click.echo(json.dumps({"rules": [_shown(rule) for rule in found.rules], "off": sorted(found.off)}, indent=2))
        return
    for rule in found.rules:
        counted = f", {rule.repeats.times} times in {rule.repeats.within_ms // 1000} s" if rule.repeats else ""
        click.echo(f"{rule.name:<24} {', '.join(reads(rule))} → {rule.target}{counted}")
    for name in sorted(found.off):
        click.echo(f"{name:<24} off")
    endpoints = f", {len(found.endpoints)} endpoints" if found.endpoints else ""
    click.echo(f"{len(found.rules)} rules{endpoints}: good")


@rules.command("explain")
@click.argument("event", type=click.File("rb"), default="-")
@_file
@output_option
def explain(event: Any, path: Path | None, output: str) -> None:
    """Show what each rule makes of an event (a JSON file, or standard input), and which tests decide."""
    from carbon_stream.contracts import codec

    raw = event.read(codec_limit())
    try:
        data = codec.parse(raw)
        topic = codec.accept(dict(data))
    except codec.Invalid as error:
        raise OperatorError(f"this event would be refused, so that no rule sees it: {error}") from None
    explained = [_explained(rule, data, topic.name) for rule in _rules(path).rules]
    if output == "json":
        click.echo(json.dumps(explained, indent=2, ensure_ascii=False))
        return
    for one in explained:
        click.echo(f"{one['rule']}: {one['outcome']}")
        for step in one["tests"]:
            click.echo(f"  {'  ' * step['depth']}{'yes' if step['holds'] else 'no '}  {step['text']}")
        if one["sends"] is not None:
            sends = one["sends"]
            click.echo(f"  to {sends['topic']}, key {sends['key']}")
            click.echo("  " + json.dumps(sends["event"], ensure_ascii=False))


def codec_limit() -> int:
    """More than the largest event, so that a larger one is told as such."""
    from carbon_stream.contracts import limits

    return limits.EVENT_BYTES + 1


def _rules(path: Path | None) -> RuleSet:
    from carbon_stream.rules.hosts import Hosts
    from carbon_stream.rules.reading import load as read

    settings = load()
    return read(path or settings.rules, Hosts(settings.rules_hosts))


def _shown(rule: Rule) -> dict[str, Any]:
    from carbon_stream.rules.graph import reads

    repeats = rule.repeats
    return {
        "name": rule.name,
        "description": rule.description,
        "reads": list(reads(rule)),
        "writes": rule.target,
        "repeats": {"times": repeats.times, "withinS": repeats.within_ms // 1000} if repeats else None,
    }


def _explained(rule: Rule, data: dict[str, Any], topic: str) -> dict[str, Any]:
    from carbon_stream.rules.sending import Arrival, Refused, send

    tests = [{"text": step.text, "holds": step.holds, "depth": step.depth} for step in rule.match.explain(data)]
    explained: dict[str, Any] = {"rule": rule.name, "outcome": "does not match", "tests": tests, "sends": None}
    if not rule.match.holds(data):
        return explained
    try:
        made = send(rule, Arrival(data, topic, 0, 0, int(time.time() * 1000)))
    except Refused as refusal:
        return explained | {"outcome": f"matches, and sends nothing ({refusal.reason}): {refusal.detail}"}
    repeats = rule.repeats
    counted = f" once it has matched {repeats.times} times within {repeats.within_ms // 1000} s" if repeats else ""
    sends = {"topic": made.topic, "key": made.key.decode("utf-8", "replace"), "event": json.loads(made.value)}
    return explained | {"outcome": f"matches, and sends{counted}", "sends": sends}
