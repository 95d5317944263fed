"""`carbon-stream keys`: makes API keys, and checks the file that they are kept in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import click

from carbon_stream.access.roles import Role

_ROLES = get_args(Role)


@click.group("keys")
def keys() -> None:
    """API keys for those who call this service; docs/access.md says more."""


@keys.command("new")
@click.option("--name", required=True, help="Whose it is: what is written down about who holds it.")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES), help="May be given repeatedly."
)
@click.option("--source", "sources", multiple=True, help="May send for this source; a last * stands for anything.")
@click.option("--type", "types", multiple=True, help="May send this event type; a last * stands for anything.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Events a second, in each process.")
@click.option(
    "--burst", type=click.FloatRange(0, min_open=True), help="Events at once; by default those of one second."
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Last day on which it is good (UTC).")
def new(
    name: str,
    roles: tuple[str, ...],
    sources: tuple[str, ...],
    types: tuple[str, ...],
    rate: float | None,
    burst: float | None,
    expires: datetime | None,
) -> None:
    """Make a key, and the entry that stands for it in the access file.

    The key is shown this once, on standard error; the entry, which has its hash, goes to standard output, to be
    appended to a file whose last list is `keys`:

    carbon-stream keys new --name loader --role sender --source loader >> access.yaml
    """
    import yaml

    from carbon_stream.access.entries import parse_access
    from carbon_stream.access.keys import new_key

    made = new_key()
    entry: dict[str, Any] = {"id": made.id, "name": name, "sha256": made.sha256, "roles": list(dict.fromkeys(roles))}
    more = {"sources": list(sources), "types": list(types), "rate": rate, "burst": burst}
    entry |= {field: value for field, value in more.items() if value}
    if expires is not None:
        entry["expires"] = expires.date().isoformat()
    # A file that could not be read is found out now, not when it is put into place.
    parse_access(yaml.safe_dump({"version": 1, "keys": [entry]}).encode(), "the entry")
    click.echo(f"the key, which is shown this once: {made.key}", err=True)
    click.echo("# an entry of the list `keys` in the access file", err=True)
    text = yaml.safe_dump([entry], sort_keys=False, default_flow_style=False, width=120)
    click.echo("".join(f"  {line}\n" for line in text.splitlines()), nl=False)


@keys.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Read an access file as the service would, and say what is in it."""
    from carbon_stream.access.entries import FILE_BYTES_MAX, parse_access

    with file.open("rb") as opened:
        known = parse_access(opened.read(FILE_BYTES_MAX + 1), str(file))
    for entry, principal in known.keys.values():
        until = f", until {entry.expires}" if entry.expires is not None else ""
        click.echo(f"key       {entry.id}  {principal.name}: {_told(principal.roles)}{until}")
    for username, consumer in known.consumers.items():
        click.echo(f"consumer  {username}: {_told(consumer.roles)}")
    for identity, principal in known.workloads.items():
        click.echo(f"workload  {identity}: {_told(principal.roles)}")


def _told(roles: Any) -> str:
    return ", ".join(sorted(roles))
