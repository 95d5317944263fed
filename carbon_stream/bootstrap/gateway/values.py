"""The gateway's desired state: the platform's own, and an operator's files over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.overlays import load_state

__all__ = ["PLATFORM", "load_gateway"]

PLATFORM = Path(__file__).with_name("platform.yaml")


def load_gateway(overlays: Sequence[Path] = (), base: Path = PLATFORM) -> Gateway:
    """The desired state. Raises OperatorError with every wrong field when the files do not make one."""
    return load_state(Gateway, "gateway", overlays, base)
