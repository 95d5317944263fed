"""What every area's export has: the values as text, JSON Schemas as text, and writing what is committed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from carbon_stream.bootstrap.overlays import merged_values
from carbon_stream.bootstrap.schemas import overlay_schema, schema

__all__ = ["overlay_schema_text", "schema_text", "values_text", "write"]

_ROOT = Path(__file__).parents[2]


def values_text(overlays: Sequence[Path], base: Path) -> str:
    """The base as it is written, or what overlays make of it."""
    if not overlays:
        return base.read_text(encoding="utf-8")
    return yaml.safe_dump(merged_values(overlays, base), sort_keys=False, width=120)


def schema_text(form: type[BaseModel]) -> str:
    """JSON Schema of the whole desired state."""
    return _json(schema(form))


def overlay_schema_text(form: type[BaseModel]) -> str:
    """JSON Schema of an overlay."""
    return _json(overlay_schema(form))


def write(rendered: Mapping[str, str]) -> None:
    """Writes texts by path into the source tree, or into the folder that the command line names."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT
    for name, text in rendered.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}\n")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
