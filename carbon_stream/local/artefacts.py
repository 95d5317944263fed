"""The broker's jars: fetched once from a Maven repository, verified, and kept in a cache of this user.

`jars.json` is the manifest: the Kafka version, what to resolve, and each jar's size and SHA-256. Nothing that is not
in it, or differs from it by a bit, is ever on the class path. Hashing all jars takes about 0.1 s, so every start does.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from carbon_stream.local.errors import ArtefactsUnavailable, CacheBroken

__all__ = ["Manifest", "cache_root", "jars", "manifest"]

_log = logging.getLogger(__name__)

Fetch = Callable[["Manifest", Path, Path | None], list[Path]]
"""(manifest, scratch folder, Maven repository folder or None for the user's own) → jars."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What belongs to one version of the embedded Kafka. `jars`: file name → (bytes, SHA-256 in hex)."""

    version: str
    endpoint: str
    jars: Mapping[str, tuple[int, str]]

    @property
    def total_bytes(self) -> int:
        """Size of all jars."""
        return sum(size for size, _ in self.jars.values())


@cache
def manifest() -> Manifest:
    """The manifest in this package."""
    data = json.loads(files("carbon_stream.local").joinpath("jars.json").read_text("utf-8"))
    return Manifest(data["kafka"], data["endpoint"], {n: (j["size"], j["sha256"]) for n, j in data["jars"].items()})


def cache_root() -> Path:
    """This user's cache (XDG Base Directory Specification 0.8: a relative XDG_CACHE_HOME counts as unset)."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "carbon-stream"


def jars(root: Path | None = None, wanted: Manifest | None = None, fetch: Fetch | None = None) -> list[Path]:
    """The verified jars, in class path order, from the cache under `root`; fetched first where need be.

    A cache that is broken is explained in the log and built again. Raises ArtefactsUnavailable when that takes a
    network and there is none, CacheBroken when even a fresh download is not what the manifest says.
    """
    root, wanted, fetch = root or cache_root(), wanted or manifest(), fetch or _fetch
    home = root / f"kafka-{wanted.version}"
    if home.is_dir() and not _faults(home, wanted):
        return _paths(home, wanted)
    with _locked(root, wanted.version):
        # Another process may have built it while this one waited for the lock.
        faults = _faults(home, wanted) if home.is_dir() else []
        if home.is_dir() and not faults:
            return _paths(home, wanted)
        if faults:
            _log.warning("the cache %s is broken (%s): building it again", home, "; ".join(faults[:3]))
        try:
            _install(root, home, wanted, fetch)
        except ArtefactsUnavailable as error:
            if not faults:
                raise
            raise ArtefactsUnavailable(f"the cache {home} is broken ({'; '.join(faults[:3])}), and {error}") from error
    return _paths(home, wanted)


def _paths(home: Path, wanted: Manifest) -> list[Path]:
    return [home / name for name in sorted(wanted.jars)]


def _faults(home: Path, wanted: Manifest) -> list[str]:
    """What is wrong with a folder of jars, in words; empty when it is exactly the manifest's."""
    faults = [f"{name} {fault}" for name, j in wanted.jars.items() if (fault := _fault(home / name, *j))]
    present = {path.name for path in home.iterdir()} if home.is_dir() else set()
    return faults + [f"{name} does not belong there" for name in sorted(present - set(wanted.jars))]


def _fault(jar: Path, size: int, sha256: str) -> str | None:
    try:
        found = jar.stat().st_size
        if found != size:
            return f"has {found} bytes instead of {size}"
        with jar.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest == sha256 else f"has SHA-256 {digest} instead of {sha256}"


@contextmanager
def _locked(root: Path, version: str) -> Iterator[None]:
    """One installer at a time; a process that dies gives the lock up."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / f"kafka-{version}.lock").open("w")
    except OSError as error:
        raise ArtefactsUnavailable(
            f"the cache folder {root} cannot be written ({error.strerror}): mend it or set XDG_CACHE_HOME to another"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(root: Path, home: Path, wanted: Manifest, fetch: Fetch) -> None:
    """Builds the folder beside its place and moves it there in one step, so that a half-built one is never seen."""
    for left_over in root.glob(f"kafka-{wanted.version}.new-*"):  # of an installer that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    megabytes = wanted.total_bytes // 1_000_000
    _log.info("fetching Kafka %s (%d MB, once) to %s", wanted.version, megabytes, home)
    try:
        with tempfile.TemporaryDirectory(prefix=f"kafka-{wanted.version}.new-", dir=root) as scratch:
            fresh = _collect(Path(scratch), wanted, fetch)
            if home.exists():
                home.rename(Path(scratch) / "broken")
            fresh.rename(home)
    except OSError as error:
        raise ArtefactsUnavailable(
            f"the jars could not be written to {root} ({error}): it takes {3 * megabytes} MB of free space"
        ) from error


def _collect(scratch: Path, wanted: Manifest, fetch: Fetch) -> Path:
    """A folder with the manifest's jars. The user's own Maven repository may hold bad files: then without it."""
    try:
        fresh, faults = _attempt(scratch / "first", wanted, fetch, None)
    except ArtefactsUnavailable as error:
        fresh, faults = scratch, [str(error)]
    if faults:
        _log.warning("trying again without this user's Maven repository: %s", "; ".join(faults[:3]))
        fresh, faults = _attempt(scratch / "second", wanted, fetch, scratch / "repository")
    if faults:
        raise CacheBroken(
            f"what the Maven repository serves for {wanted.endpoint} is not what this version of carbon-stream was"
            f" built with: {'; '.join(faults[:3])}. Something on the way there alters files: do not use them"
        )
    return fresh


def _attempt(scratch: Path, wanted: Manifest, fetch: Fetch, repository: Path | None) -> tuple[Path, list[str]]:
    """(a folder with those of the manifest's jars that could be had, what is wrong with it)."""
    found = {jar.name: jar for jar in fetch(wanted, scratch / "resolved", repository)}
    fresh = scratch / "jars"
    fresh.mkdir(parents=True)
    for name in wanted.jars.keys() & found.keys():
        shutil.copyfile(found[name], fresh / name)  # a copy: a link would share the other folder's fate
    return fresh, _faults(fresh, wanted)


def _fetch(wanted: Manifest, scratch: Path, repository: Path | None) -> list[Path]:
    """Resolves and downloads with jgo, into the user's Maven repository (`~/.m2`) or the given one."""
    from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    context = MavenContext(
        repo_cache=repository or default_maven_repo(), remote_repos={"central": MAVEN_CENTRAL_URL}, timeout=15
    )
    builder = EnvironmentBuilder(context=context, cache_dir=scratch, link_strategy=LinkStrategy.COPY)
    try:
        return list(builder.from_endpoint(wanted.endpoint).all_jars)
    except Exception as error:  # jgo has no error class of its own: network, disk and repository all end here
        raise ArtefactsUnavailable(
            f"Kafka {wanted.version} could not be fetched from {MAVEN_CENTRAL_URL}"
            f" ({type(error).__name__}: {str(error)[:300]}). The first start needs the network (HTTPS_PROXY is heeded);"
            " later ones do not. Try again, or use a broker that is already there: carbon-stream dev --kafka HOST:PORT"
        ) from error
