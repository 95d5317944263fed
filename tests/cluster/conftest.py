"""One control plane for the whole run. Each test has namespaces of its own in it."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
import yaml

from carbon_stream.bootstrap.mesh.cluster import Cluster, Patience, connected
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.values import load_mesh
from tests.cluster import parts
from tests.cluster.control_plane import ControlPlane, install_istio_kinds, need
from tests.cluster.players import Deployments

_numbers = count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    need((parts.etcd, parts.istio_crds, parts.kube_apiserver))
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as running:
        install_istio_kinds(running)
        yield running


@pytest.fixture
def overlay(plane: ControlPlane, tmp_path: Path) -> Path:
    """The platform's values, in namespaces of this test's own, which exist."""
    number = next(_numbers)
    platform, kong, istio = f"platform-{number}", f"kong-{number}", f"istio-{number}"
    for name in (platform, kong, istio):
        plane.make("/api/v1/namespaces", {"metadata": {"name": name}})
    path = tmp_path / "overlay.yaml"
    values = {
        "namespace": platform,
        "istio_namespace": istio,
        "namespaces": [platform, kong],
        "workloads": {"kong": {"namespace": kong}},
    }
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def mesh(overlay: Path) -> Mesh:
    return load_mesh([overlay])


@pytest.fixture
async def cluster(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """Our own client, as the administrator."""
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig()))
    async with connected(patience=Patience(tries=4, first_wait_s=0.1)) as connection:
        yield connection


@pytest.fixture
def deployments(plane: ControlPlane, mesh: Mesh) -> Iterator[Deployments]:
    """The listed workloads with their pods, without sidecars, and somebody who plays their controllers."""
    with Deployments(plane, mesh) as player:
        yield player
