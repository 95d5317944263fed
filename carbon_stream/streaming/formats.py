"""Versions of rows: a table's rows are read in whatever version they stand, and never misread in a newer one.

A row has its version under "v", 1 where it has none. The kind of a row is the first part of its key, and each kind has
versions of its own. A change of what a kind's rows look like is a `Step` between two versions, declared with the table:
`app.Table("visits", formats=Formats({"user": [Step(up, down)]}))`. Then

- a row of an older version is brought up when it is read, step by step, so that folds, sweeps and views know the newest
  version only; and rounds of the sweep write it again, so that none stays old for long;
- a row of a version that is not known is refused: `NewerRow`. A partition that has one is given up and says so, for as
  long as it takes, before that row is changed or any event is held against it;
- `writes_previous` writes all rows one version lower, those at rest as well: the way back to the release before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

Convert = Callable[[dict[str, Any]], dict[str, Any]]
"""A row of one version as one of another, which may be the same object; "v" is set afterwards."""

_VERSION = re.compile(rb'\{"v":(\d{1,9})[,}]')


class Step(NamedTuple):
    """From a version to the next one, and back. Both pure; `down(up(row))` is the row."""

    up: Convert
    down: Convert


class NewerRow(Exception):
    """A row that only a newer release can read."""

    def __init__(self, key: Sequence[str | int], version: Any, known: int) -> None:
        shown = orjson.dumps(list(key))[:200].decode(errors="replace")
        super().__init__(
            f"row {shown} has format version {version!r}, and this release knows versions up to {known}: a newer "
            "release wrote it. Start that release again; to come back to this one, let it write the previous formats "
            "first"
        )


@dataclass(frozen=True, slots=True)
class Formats:
    """What a table's rows look like: by kind, the steps from version 1 to the newest. Other kinds are at version 1."""

    steps: Mapping[str | int, Sequence[Step]] = field(default_factory=dict)
    writes_previous: bool = False
    """Write kinds that have steps one version below the newest."""

    def newest(self, kind: str | int) -> int:
        """The version that folds, sweeps and views see."""
        return 1 + len(self.steps.get(kind, ()))

    def written(self, kind: str | int) -> int:
        """The version that rows are written in."""
        newest = self.newest(kind)
        return newest - 1 if self.writes_previous and newest > 1 else newest

    def read(self, key: Sequence[str | int], row: dict[str, Any]) -> dict[str, Any]:
        """The row in its kind's newest version; raises NewerRow."""
        version = row.get("v", 1)
        if version == 1 and key[0] not in self.steps:
            return row
        version = self._known(key, version)
        for step in self.steps.get(key[0], ())[version - 1 :]:
            row = step.up(row)
            version += 1
            row["v"] = version
        return row

    def write(self, key: Sequence[str | int], row: dict[str, Any]) -> dict[str, Any]:
        """A row of the newest version in the one that is written. The given row stays as it is."""
        if self.written(key[0]) == self.newest(key[0]):
            return row
        older = self.steps[key[0]][-1].down(orjson.loads(orjson.dumps(row)))
        older["v"] = self.written(key[0])
        return older

    def is_stale(self, key: Sequence[str | int], encoded: bytes) -> bool:
        """Whether a committed row stands in another version than would be written; raises NewerRow."""
        return self._known(key, _version_of(encoded)) != self.written(key[0])

    def _known(self, key: Sequence[str | int], version: Any) -> int:
        if type(version) is not int or not 1 <= version <= self.newest(key[0]):
            raise NewerRow(key, version, self.newest(key[0]))
        return version


FIRST = Formats()
"""All rows at version 1."""


def _version_of(encoded: bytes) -> Any:
    found = _VERSION.match(encoded)
    return int(found[1]) if found else orjson.loads(encoded).get("v", 1)
