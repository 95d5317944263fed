"""`carbon-stream bootstrap plan|apply|export mesh`, and `bootstrap mesh strict|permissive`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carbon_stream.commands.frame import CHANGES, load, output_option, overlay_option, run, seconds_option

if TYPE_CHECKING:
    from carbon_stream.bootstrap.mesh.apply import Rules
    from carbon_stream.bootstrap.mesh.plan import Plan
    from carbon_stream.bootstrap.mesh.strict import Watch

context_option = click.option("--context", help="A context of the kubeconfig; by default its current one.")
_prune_option = click.option("--prune", is_flag=True, help="Delete what carries our label and is no longer wanted.")
_downtime_option = click.option(
    "--allow-downtime", is_flag=True, help="Also restart workloads that a restart takes away for a moment."
)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    return overlay_option(_prune_option(_downtime_option(context_option(output_option(command)))))


@click.command("mesh")
@_options
def plan(overlays: tuple[Path, ...], prune: bool, allow_downtime: bool, context: str | None, output: str) -> None:
    """Policies of the mesh that are missing or differ, those of others, and workloads without sidecars.

    The API server is asked by dry runs; nothing is changed.
    """
    from carbon_stream.bootstrap.mesh.apply import Rules

    _plan(overlays, Rules(prune=prune, allow_downtime=allow_downtime), context, output)


@click.command("mesh")
@_options
@click.option("--dry-run", is_flag=True, help="Show the plan, and touch nothing; exit status as of plan.")
@seconds_option(
    "--rollout-timeout",
    "rollout_timeout_s",
    "Seconds that a restarted workload may take to be whole again.",
    default=600.0,
    least=1,
    most=7_200,
)
def apply(
    overlays: tuple[Path, ...],
    prune: bool,
    allow_downtime: bool,
    context: str | None,
    output: str,
    dry_run: bool,
    rollout_timeout_s: float,
) -> None:
    """Create what is missing, mend what differs, restart what has no sidecar; what is not ours is left alone.

    Workloads are restarted one at a time, each when the one before is whole again. It stops at the first refusal and
    says what was done, what was not, and how to go on. Phases that are STRICT stay so.
    """
    from carbon_stream.bootstrap.mesh.apply import Rules, Stopped
    from carbon_stream.bootstrap.mesh.show import WORDS

    rules = Rules(prune=prune, allow_downtime=allow_downtime, rollout_timeout_s=rollout_timeout_s)
    if dry_run:
        _plan(overlays, rules, context, output)
    load()
    try:
        report = run(_apply(overlays, rules, context, lambda line: click.echo(line, err=output == "json")))
    except Stopped as stopped:
        if output == "json":
            click.echo(WORDS.report_json(stopped.plan, stopped.done, stopped.undone, stopped.why))
        raise
    done = report.steps
    click.echo(WORDS.report_json(report, done, (), None) if output == "json" else WORDS.report_text(report, done))


async def _apply(overlays: tuple[Path, ...], rules: Rules, context: str | None, say: Callable[[str], None]) -> Plan:
    from carbon_stream.bootstrap.mesh.apply import apply as take
    from carbon_stream.bootstrap.mesh.cluster import connected
    from carbon_stream.bootstrap.mesh.values import load_mesh

    mesh = load_mesh(overlays)
    async with connected(context) as cluster:
        return await take(cluster, mesh, rules, say=say)


def _plan(overlays: tuple[Path, ...], rules: Rules, context: str | None, output: str) -> None:
    from carbon_stream.bootstrap import shown as form
    from carbon_stream.bootstrap.mesh.show import shown

    load()
    result = run(_read(overlays, rules, context))
    click.echo((form.as_json if output == "json" else form.as_text)(shown(result)))
    sys.exit(0 if result.clean else CHANGES)


async def _read(overlays: tuple[Path, ...], rules: Rules, context: str | None) -> Plan:
    from carbon_stream.bootstrap.mesh.apply import read_plan
    from carbon_stream.bootstrap.mesh.cluster import connected
    from carbon_stream.bootstrap.mesh.values import load_mesh

    mesh = load_mesh(overlays)
    async with connected(context) as cluster:
        return await read_plan(cluster, mesh, rules)


@click.command("mesh")
@overlay_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["kubernetes", "values", "schema", "overlay-schema"]),
    default="kubernetes",
    show_default=True,
    help="Kubernetes objects; the values; JSON Schemas of values and of overlays.",
)
def export(overlays: tuple[Path, ...], form: str) -> None:
    """The mesh's desired state, with no phase STRICT."""
    from carbon_stream.bootstrap.mesh.exports import FORMS

    click.echo(FORMS[form](overlays), nl=False)


@click.group("mesh")
def phases() -> None:
    """Take workloads to STRICT mTLS, phase by phase, and back."""


_phase_option = click.option("--phase", "number", type=click.IntRange(1), required=True, help="Its number, from 1.")


@phases.command("strict")
@_phase_option
@overlay_option
@context_option
@click.option(
    "--look-back",
    "before_s",
    type=click.IntRange(60, 604_800),
    default=3_600,
    show_default=True,
    help="Seconds of metrics in which no client may have spoken plain text.",
)
@seconds_option("--watch", "after_s", "Seconds for which nothing may fail afterwards.", default=120.0, most=86_400)
@click.option("--accept-unknown", is_flag=True, help="Go on although istiod or Prometheus cannot be asked.")
def strict(
    number: int,
    overlays: tuple[Path, ...],
    context: str | None,
    before_s: int,
    after_s: float,
    accept_unknown: bool,
) -> None:
    """Refuse plain text at the workloads of a phase.

    Before: every pod is ready and has a proxy that is in step with istiod, and no client has spoken plain text. After:
    pods stay ready, proxies come into step, and no more requests fail than before; else the phase is rolled back.
    """
    from carbon_stream.bootstrap.mesh.strict import Watch

    watch = Watch(before_s=before_s, after_s=after_s, accept_unknown=accept_unknown)
    run(_strict(overlays, context, number, watch))


@phases.command("permissive")
@_phase_option
@overlay_option
@context_option
def permissive(number: int, overlays: tuple[Path, ...], context: str | None) -> None:
    """Take plain text again at the workloads of a phase and of those after it, at once."""
    load()
    run(_permissive(overlays, context, number))


async def _strict(overlays: tuple[Path, ...], context: str | None, number: int, watch: Watch) -> None:
    from carbon_stream.bootstrap.mesh.cluster import connected
    from carbon_stream.bootstrap.mesh.evidence import evidence_of
    from carbon_stream.bootstrap.mesh.strict import go_strict
    from carbon_stream.bootstrap.mesh.values import load_mesh

    settings, mesh = load(), load_mesh(overlays)
    async with connected(context) as cluster:
        await go_strict(cluster, mesh, evidence_of(settings, cluster, mesh), number, watch, say=click.echo)


async def _permissive(overlays: tuple[Path, ...], context: str | None, number: int) -> None:
    from carbon_stream.bootstrap.mesh.cluster import connected
    from carbon_stream.bootstrap.mesh.strict import go_back
    from carbon_stream.bootstrap.mesh.values import load_mesh

    mesh = load_mesh(overlays)
    async with connected(context) as cluster:
        await go_back(cluster, mesh, number, say=click.echo)
