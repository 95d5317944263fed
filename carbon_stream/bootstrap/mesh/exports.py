"""What is made from the desired state and committed below deploy/platform, for editors and for kubectl.

`python -m carbon_stream.bootstrap.mesh.exports` writes them into the source tree. A test fails when one is stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from carbon_stream.bootstrap.exporting import overlay_schema_text, schema_text, values_text, write
from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.values import PLATFORM, load_mesh

__all__ = ["FORMS", "rendered"]

_FOLDER = "deploy/platform"


class _Dumper(yaml.SafeDumper):
    """Writes what stands twice twice: anchors are hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _objects(overlays: Sequence[Path]) -> str:
    """Every object, with no phase STRICT and without zones, which only a cluster can tell."""
    objects = manifests(load_mesh(overlays), Facts())
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=120)


def _values(overlays: Sequence[Path]) -> str:
    load_mesh(overlays)
    return values_text(overlays, PLATFORM)


FORMS: Mapping[str, Callable[[Sequence[Path]], str]] = MappingProxyType(
    {
        "kubernetes": _objects,
        "values": _values,
        "schema": lambda _: schema_text(Mesh),
        "overlay-schema": lambda _: overlay_schema_text(Mesh),
    }
)
"""What `bootstrap export mesh --format` prints, from the overlays' paths."""


def rendered() -> dict[str, str]:
    """The text of every committed export by its path in the source tree."""
    modeline = "# yaml-language-server: $schema=mesh.schema.json\n# A copy, made from carbon_stream/bootstrap/mesh/"
    return {
        f"{_FOLDER}/mesh.yaml": f"{modeline}platform.yaml: to change values, write an overlay.\n{_values(())}",
        f"{_FOLDER}/mesh.schema.json": FORMS["schema"](()),
        f"{_FOLDER}/mesh-overlay.schema.json": FORMS["overlay-schema"](()),
        f"{_FOLDER}/mesh.kubernetes.yaml": FORMS["kubernetes"](()),
    }


if __name__ == "__main__":
    write(rendered())
