"""Every generated file with its text."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sdk.generator import node_code, node_readme, python_code, python_events, python_readme, vectors
from sdk.generator.source import COMMAND, Type, types

PACKAGE = "sdk/python/carbon_stream_producer"
NODE_PACKAGE = "sdk/node/src"
_HEADER = f'"""{{title}}\n\nMade from carbon_stream/contracts/exports by `{COMMAND}`: do not edit.\n"""\n\n'


def rendered() -> dict[str, str]:
    """The text of each file by its path in the source tree."""
    known = types()
    code = {
        "tables": ("What the library knows of each event type.", python_code.tables(known)),
        "checks": (
            "Quick checks: what they say yes to is valid, the tables decide the rest.",
            python_code.checks(known),
        ),
        "methods": ("One method an event type.", python_code.methods(known, asynchronous=False)),
        "async_methods": ("One coroutine an event type.", python_code.methods(known, asynchronous=True)),
        "events": ("A class for each event type.", python_events.classes(known)),
    }
    texts = {
        f"{PACKAGE}/generated/{name}.py": _formatted(_HEADER.format(title=title) + text)
        for name, (title, text) in code.items()
    }
    readme = "sdk/python/README.md"
    return texts | {readme: python_readme.with_tables(readme, known)} | _node(known) | vectors.rendered()


def _node(known: Sequence[Type]) -> dict[str, str]:
    code = {
        "tables": ("What the library knows of each event type.", node_code.tables(known)),
        "checks": (
            "Quick checks: what they say yes to is valid, the tables decide the rest.",
            node_code.checks(known),
        ),
        "methods": ("One method an event type.", node_code.methods(known)),
        "events": ("An interface for each event type.", node_code.events(known)),
    }
    texts = {
        f"{NODE_PACKAGE}/generated/{name}.ts": node_code.headed(title, text) for name, (title, text) in code.items()
    }
    readme = "sdk/node/README.md"
    return texts | {readme: node_readme.with_tables(readme, known)}


def _formatted(text: str) -> str:
    """As the project's formatter has it."""
    ruff = shutil.which("ruff", path=Path(sys.executable).parent) or "ruff"
    done = subprocess.run(
        [ruff, "format", "--isolated", "--line-length", "120", "--target-version", "py311", "-"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode()
