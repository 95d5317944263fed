"""Reads a Dockerfile and carries its steps out in a folder, for machines without a container engine.

It knows what our Dockerfile uses (FROM … AS, ENV, WORKDIR, COPY, RUN) and refuses anything else that would change
files. Absolute folders of the image stand under `root`; a stage is a folder of its own only in what is copied.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_PLACES = re.compile(r"(?<![\w./-])/(opt|src|dist|data|app)(?=[/\s:'\"]|$)")
_HARMLESS = {"VOLUME", "EXPOSE", "USER", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


@dataclass
class Stage:
    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]

    def environment(self) -> dict[str, str]:
        pairs = [pair.partition("=") for text in self.of("ENV") for pair in shlex.split(text)]
        return {name: value for name, _, value in pairs}


def stages(dockerfile: Path) -> list[Stage]:
    lines = [line for line in dockerfile.read_text().splitlines() if line.strip() and not line.startswith("#")]
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        instruction, _, text = line.strip().partition(" ")
        if instruction == "FROM":
            base, _, name = text.partition(" AS ")
            found.append(Stage(name, base))
        else:
            found[-1].steps.append((instruction, text))
    return found


class Builder:
    """Carries out stages under `root`, with the repository as the context."""

    def __init__(self, context: Path, root: Path, python: Path) -> None:
        self._context, self._root = context, root
        self._bin = root / "usr" / "bin"
        self._bin.mkdir(parents=True)
        (self._bin / "python").symlink_to(python)

    def place(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def build(self, stage: Stage) -> None:
        folder = self._root
        for instruction, text in stage.steps:
            match instruction:
                case "WORKDIR":
                    folder = self.place(text)
                    folder.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(text, folder)
                case "RUN":
                    self._run(text, folder)
                case "ENV":
                    pass
                case other:
                    assert other in _HARMLESS, f"{other} is not known here"

    def _copy(self, text: str, folder: Path) -> None:
        options = [word for word in text.split() if word.startswith("--")]
        *sources, target = (word for word in text.split() if not word.startswith("--"))
        for source in sources:
            if any(option.startswith("--from=") for option in options):
                assert self.place(source).exists(), f"{source} was never made"
                assert source == target, "a stage's folder keeps its place"
                continue
            origin = self._context / source
            destination = folder / source if target == "./" else folder / target
            if origin.is_dir():
                shutil.copytree(origin, destination, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy2(origin, destination)

    def _run(self, text: str, folder: Path) -> None:
        command = _PLACES.sub(lambda match: str(self._root / match[1]), text)
        quiet = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment = {**quiet, "PATH": f"{self._bin}:/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"RUN {text}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
