"""DESIGN.md names files, folders and tests that are there, and its map leaves no package out."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "DESIGN.md"
# A place is named from the root, or from one of these.
BASES: Final = ("", "carbon_stream", "sdk/node/src", "tests")
# What the map need not name: a package's face, and what is no part of the product.
APART: Final = {"docs"}


def words() -> set[str]:
    """What the page has in code type that reads as a place: it has a slash, or the ending of a file."""
    found = re.findall(r"`([^`\n]+)`", PAGE.read_text(encoding="utf-8"))
    return {
        word
        for word in found
        if re.fullmatch(r"[\w*-][\w./*-]*", word) and ("/" in word or word.endswith((".py", ".ts", ".mts")))
    }


def is_there(word: str) -> bool:
    """A file (with its ending or without, with a name in it after a point), a folder, or a test by its bare name."""
    path = word.rstrip("/")
    named = [path, f"{path}.py", f"{path.rpartition('.')[0]}.py" if "." in path else path]
    if any(next(ROOT.glob(f"{base}/{name}".lstrip("/")), None) for base in BASES for name in named):
        return True
    return "/" not in path and next((ROOT / "tests").rglob(path), None) is not None


def test_what_the_page_names_is_there() -> None:
    assert len(words()) > 80
    assert [word for word in sorted(words()) if not is_there(word)] == []


def test_a_place_that_is_not_there_is_noticed() -> None:
    assert not is_there("ingest/nothing")
    assert not is_there("test_nothing.py")
    assert not is_there("streaming/nothing.decide")


def map_places() -> set[str]:
    page = PAGE.read_text(encoding="utf-8")
    rows = page[page.index("## Map") : page.index("## Promises")].splitlines()
    return {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_map_leaves_nothing_out() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    paths = [Path(name) for name in tracked.stdout.splitlines()]
    folders = {path.parts[0] for path in paths if len(path.parts) > 1 and not path.parts[0].startswith(".")} - APART
    places = map_places()
    own = {path.parts[1] for path in paths if path.parts[0] == "carbon_stream" and path.name != "py.typed"}
    missing = {name for name in own - {"__init__.py"} if not {name, f"carbon_stream/{name}"} & places}
    assert missing == set()
    assert {name for name in folders if not any(place.split("/")[0] == name for place in places)} == set()
