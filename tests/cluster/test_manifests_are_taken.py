"""Every manifest that is shipped, through `kubectl apply --dry-run=server --validate=strict`."""

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane
from tests.cluster.shipped import KUBERNETES, ROOT, kubectl, make_namespaces, rendered

DRY = ("apply", "--dry-run=server", "--validate=strict")


@pytest.mark.parametrize("overlay", ["small", "production", "tunnel"])
def test_an_overlay_is_taken(plane: ControlPlane, overlay: str) -> None:
    make_namespaces(plane)
    text = rendered(overlay)
    done = kubectl(plane, *DRY, given=text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert done.stdout.count("(server dry run)") == text.count("\nkind: ") + text.startswith("kind: ")


def test_pods_are_as_the_restricted_standard_has_them(plane: ControlPlane) -> None:
    """A namespace that enforces it warns of nothing that is shipped."""
    make_namespaces(plane)
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "restricted"}}}
    path, merge = "/api/v1/namespaces/data-platform", "application/merge-patch+json"
    assert plane.call("PATCH", path, label, merge)[0] == 200
    for overlay in ("small", "production", "tunnel"):
        done = kubectl(plane, *DRY, given=rendered(overlay))
        assert done.returncode == 0
        assert "violate PodSecurity" not in done.stderr, done.stderr
    root = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": "data-platform"}}
    text = yaml.safe_dump({**root, "spec": {"containers": [{"name": "a", "image": "b:1"}]}})
    assert "violate PodSecurity" in kubectl(plane, *DRY, given=text).stderr, "it would have warned"


def test_the_meshs_export_is_taken(plane: ControlPlane) -> None:
    make_namespaces(plane)
    text = (ROOT / "deploy" / "platform" / "mesh.kubernetes.yaml").read_text()
    done = kubectl(plane, *DRY, "--server-side", "--force-conflicts", given=text)
    assert done.returncode == 0, done.stderr


def test_a_misspelt_field_is_refused(plane: ControlPlane) -> None:
    make_namespaces(plane)
    text = (KUBERNETES / "base" / "query.yaml").read_text().replace("readinessProbe", "readinesProbe")
    done = kubectl(plane, *DRY, given=text)
    assert done.returncode != 0
    assert "readinesProbe" in done.stderr
