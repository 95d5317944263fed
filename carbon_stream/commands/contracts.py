"""`carbon-stream contracts export`: the contract as files for other programs and for people."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from carbon_stream.errors import OperatorError


@click.group()
def contracts() -> None:
    """The contract: topics, types, schemas."""


@contracts.command("export")
@click.argument("directory", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 when a file is missing or stale.")
def export(directory: Path | None, check: bool) -> None:
    """Write JSON Schemas, the AsyncAPI document, the catalog as JSON, and the page about events.

    They go below DIRECTORY, by default to where they belong in the source tree. With --check, the exports beside an
    installed package are held to its catalog.
    """
    import carbon_stream
    from carbon_stream.contracts.exports import export_all, rendered

    home = Path(carbon_stream.__file__).parents[1]
    if not check:
        if directory is None and not (home / "pyproject.toml").is_file():
            raise OperatorError("this is an installed package, not its source tree: name a DIRECTORY to write to")
        for path in export_all(directory or home):
            click.echo(str(path))
        return
    root = directory or home
    # An installed package has its exports, but not the page about events, which belongs to the repository.
    with_docs = directory is not None or (home / "pyproject.toml").is_file()
    wanted = {root / name: text for name, text in rendered().items() if with_docs or not name.startswith("docs/")}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        click.echo(f"stale: {path}", err=True)
    click.echo(f"{len(wanted) - len(stale)} of {len(wanted)} exports are as the catalog says.")
    sys.exit(1 if stale else 0)
