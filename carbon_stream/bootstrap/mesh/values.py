"""The mesh's desired state: the platform's own, and an operator's files over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.overlays import load_state

__all__ = ["PLATFORM", "load_mesh"]

PLATFORM = Path(__file__).with_name("platform.yaml")


def load_mesh(overlays: Sequence[Path] = (), base: Path = PLATFORM) -> Mesh:
    """The desired state. Raises OperatorError with every wrong field when the files do not make one."""
    return load_state(Mesh, "mesh", overlays, base)
