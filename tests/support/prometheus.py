"""Prometheus' own tools for the tests: found, or their absence told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_TOOLS = Path(__file__).parents[2] / ".tools" / "bin"


def tool(name: str) -> str:
    """Path of `promtool` or `prometheus`. Where it is missing, the test is skipped; in CI it fails."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:{_TOOLS}")
    if found is None:
        message = f"{name} is missing: install Debian's package `prometheus`"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found
