"""`carbon-stream verify`, and `bootstrap verify AREA`: what an operator would check by hand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from carbon_stream.commands.bootstrap_mesh import context_option
from carbon_stream.commands.frame import load, run

if TYPE_CHECKING:
    from carbon_stream.bootstrap.verify.run import Target

_AREAS = ("topics", "gateway", "mesh", "flow", "security")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_output_option = click.option(
    "--output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="For people, for programs, or a report to keep.",
)
_gateway_option = click.option(
    "--gateway-overlay", "gateway_overlays", multiple=True, type=_FILE, help="As of bootstrap."
)
_mesh_option = click.option("--mesh-overlay", "mesh_overlays", multiple=True, type=_FILE, help="As of bootstrap.")


@click.command("verify")
@click.argument("areas", nargs=-1, metavar="[AREA]...", type=click.Choice(_AREAS))
@_gateway_option
@_mesh_option
@context_option
@_output_option
@click.option("--least-score", type=click.IntRange(0, 100), default=60, show_default=True, help="Of security, to pass.")
@click.option("--every", "every_s", type=click.FloatRange(10, 86_400), help="Seconds; again and again, with /metrics.")
def verify(
    areas: tuple[str, ...],
    gateway_overlays: tuple[Path, ...],
    mesh_overlays: tuple[Path, ...],
    context: str | None,
    output: str,
    least_score: int,
    every_s: float | None,
) -> None:
    """Check topics, gateway, mesh, the flow of an event, and security; all of them when none is named.

    Exit status: 0 all passed, 2 something failed, 3 something could not be found out, 1 an error. `security` alone
    shows the score with each point that is lost. With --every it goes on, serves carbon_stream_platform_check on
    /metrics, and writes when something changes.
    """
    target = _target(gateway_overlays, mesh_overlays, context, least_score)
    if every_s is not None:
        from carbon_stream.bootstrap.verify.watch import watch

        run(watch(load(serving=True), target, areas or _AREAS, every_s))
    elif areas == ("security",):
        _score(target, output)
    else:
        sys.exit(_once(target, areas or _AREAS, output))


@click.command("verify")
@click.argument("areas", nargs=-1, metavar="[AREA]...", type=click.Choice(["topics", "gateway", "mesh"]))
@_gateway_option
@_mesh_option
@context_option
@_output_option
def bootstrap_verify(
    areas: tuple[str, ...],
    gateway_overlays: tuple[Path, ...],
    mesh_overlays: tuple[Path, ...],
    context: str | None,
    output: str,
) -> None:
    """Check what bootstrap makes: topics, gateway, mesh. Exit status as of `carbon-stream verify`."""
    target = _target(gateway_overlays, mesh_overlays, context, 0)
    sys.exit(_once(target, areas or ("topics", "gateway", "mesh"), output))


def _target(
    gateway_overlays: tuple[Path, ...], mesh_overlays: tuple[Path, ...], context: str | None, least_score: int
) -> Target:
    from carbon_stream.bootstrap.gateway.values import load_gateway
    from carbon_stream.bootstrap.mesh.values import load_mesh
    from carbon_stream.bootstrap.verify.run import Target

    return Target(load_gateway(gateway_overlays), load_mesh(mesh_overlays), context, least_score)


def _once(target: Target, areas: Sequence[str], output: str) -> int:
    from carbon_stream.bootstrap.verify import show
    from carbon_stream.bootstrap.verify.check import exit_status
    from carbon_stream.bootstrap.verify.run import verify as make

    checks = run(make(load(), target, areas))
    form = {"text": show.as_text, "json": show.as_json, "markdown": show.as_markdown}[output]
    click.echo(form(checks, datetime.now(UTC)))
    return exit_status(checks)


def _score(target: Target, output: str) -> None:
    from carbon_stream.bootstrap.verify import show
    from carbon_stream.bootstrap.verify.check import exit_status
    from carbon_stream.bootstrap.verify.run import score
    from carbon_stream.bootstrap.verify.security import check_security

    result = run(score(load(), target))
    form = {"text": show.score_text, "json": show.score_json, "markdown": show.score_markdown}[output]
    click.echo(form(result))
    sys.exit(exit_status(check_security(result, least=target.least_score)))
