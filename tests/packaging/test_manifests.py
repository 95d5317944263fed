"""What deploy/ holds: valid by the official schemas, and true to the image, the settings and the commands that it runs.

Kubernetes objects are held to the schemas of `kubernetes-validate`, the Compose file to the specification's own.
"""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import jsonschema
import kubernetes_validate
import pytest
import yaml

from carbon_stream.cli import main
from carbon_stream.local.artefacts import cache_root
from carbon_stream.settings import Settings, variable_of
from carbon_stream.streaming.partition import FINISH_S_MAX
from carbon_stream.web import status
from carbon_stream.web.server import DRAIN_S, FINISH_S
from carbon_stream.web.supervisor import _STOP_S as SUPERVISOR_STOP_S

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
DEMO = ROOT / "deploy" / "kubernetes-demo" / "job.yaml"
"""Played by hand against what the folder installs, and held to the same."""
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
THEIRS = ("kafka", "prometheus", "grafana")
OURS = {name: service for name, service in COMPOSE["services"].items() if name not in THEIRS}
KUBERNETES = ["1.28", "1.33", "1.37"]
"""From the oldest that Istio 1.20 runs on and the schemas cover well, to the newest they know."""
KNOWN = {variable_of(name) for name in Settings.model_fields}
PORT = 8080
NAMESPACE = "data-platform"
SERVERS = ("worker", "ingest", "query")
ACCOUNTS = {"bootstrap-mesh": "carbon-stream-bootstrap", "verify": "carbon-stream-verify"}
"""Which roles speak to the Kubernetes API, each by an account of its own; all others have no token."""
SECRET = re.compile("PASSWORD|TOKEN|SECRET")


def objects() -> list[dict[str, Any]]:
    files = [*sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"), DEMO]
    return [document for path in files for document in yaml.safe_load_all(path.read_text())]


def named(document: Mapping[str, Any]) -> str:
    metadata = document["metadata"]
    elsewhere = metadata.get("namespace", NAMESPACE) != NAMESPACE
    return f"{document['kind']}/{metadata['name']}" + (f" in {metadata['namespace']}" if elsewhere else "")


OBJECTS = {named(document): document for document in objects()}


@dataclass(frozen=True)
class Role:
    name: str
    workload: Mapping[str, Any]

    @property
    def template(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.workload["spec"]["template"]
        return found

    @property
    def pod(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.template["spec"]
        return found

    @property
    def container(self) -> Mapping[str, Any]:
        (found,) = self.pod["containers"]
        assert isinstance(found, Mapping)
        return found

    @property
    def serves(self) -> bool:
        return self.name in SERVERS


ROLES = {
    document["metadata"]["labels"]["app.kubernetes.io/component"]: Role(
        document["metadata"]["labels"]["app.kubernetes.io/component"], document
    )
    for document in OBJECTS.values()
    if document["kind"] in ("Deployment", "StatefulSet", "Job")
    and document["metadata"]["labels"]["app.kubernetes.io/name"] == "carbon-stream"
}
each_role = pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
each_server = pytest.mark.parametrize("role", [r for r in ROLES.values() if r.serves], ids=lambda role: role.name)


def literal_variables(role: Role) -> dict[str, str]:
    given = {entry["name"]: entry["value"] for entry in role.container.get("env", []) if "value" in entry}
    return {**OBJECTS["ConfigMap/carbon-stream"]["data"], **given}


def resolve(words: list[str]) -> None:
    """Fails unless these are a command of ours with options that it has; runs nothing."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0]) if words else None
        assert found is not None, f"no command {words}"
        command, words = found, words[1:]
    command.make_context("carbon-stream", list(words))


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_what_kubernetes_takes(name: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_the_validation_finds_a_misspelt_field() -> None:
    spoilt = json.loads(json.dumps(OBJECTS["Deployment/carbon-stream-query"]))
    spoilt["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(spoilt, KUBERNETES[-1], strict=True)


KUSTOMIZATIONS = sorted(FOLDER.rglob("kustomization.yaml"))


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: str(path.parent.relative_to(FOLDER)))
def test_a_kustomization_lists_every_file_beside_it(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())
    own = {name for name in kustomization.get("resources", []) if not name.startswith("..")}
    assert own == {each.name for each in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
    for name in [*kustomization.get("resources", []), *kustomization.get("components", [])]:
        assert (path.parent / name).exists(), name
    assert "namespace" not in kustomization, "it would move the rights in other namespaces into one"


def test_every_file_belongs_to_a_kustomization() -> None:
    folders = {path.parent for path in KUSTOMIZATIONS}
    assert {path.parent for path in FOLDER.rglob("*.yaml")} == folders


def rendered(folder: Path) -> dict[str, dict[str, Any]]:
    """What kustomize makes of a folder."""
    kubectl = shutil.which("kubectl") or next(iter((cache_root() / "cluster").glob("kubectl-*")), None)
    if kubectl is None:
        pytest.skip("kubectl is not here: lists of files were compared, and not rendered (make test-cluster does)")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return {named(document): document for document in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize("overlay", ["small", "production", "tunnel"])
def test_an_overlay_renders_to_what_kubernetes_takes(overlay: str) -> None:
    for document in rendered(FOLDER / "overlays" / overlay).values():
        kubernetes_validate.validate(document, KUBERNETES[-1], strict=True)


def test_a_small_cluster_has_one_of_each_and_no_rights() -> None:
    small = rendered(FOLDER / "overlays" / "small")
    counts = {small[name]["spec"]["replicas"] for name in small if name.startswith(("Deployment/", "StatefulSet/"))}
    assert counts == {1}
    assert not [name for name in small if "Role" in name or "tunnel" in name]


def test_in_production_load_says_how_many_there_are() -> None:
    production = rendered(FOLDER / "overlays" / "production")
    assert production["StatefulSet/carbon-stream-worker"]["spec"]["replicas"] == 3
    scalers = [each for name, each in production.items() if name.startswith("HorizontalPodAutoscaler/")]
    assert len(scalers) == 2
    for each in scalers:
        target = each["spec"]["scaleTargetRef"]
        scaled = production[f"{target['kind']}/{target['name']}"]
        assert "replicas" not in scaled["spec"], "an apply would fight the autoscaler"
        assert each["spec"]["minReplicas"] >= 2
        assert each["spec"]["behavior"]["scaleDown"]["policies"][0]["value"] == 1
        assert scaled["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"]
    assert not [name for name in production if "tunnel" in name or "demo" in name], "off unless asked for"


def test_sidecars_are_a_component_of_any_overlay(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    mine = tmp_path / "kubernetes" / "overlays" / "mine"
    mine.mkdir()
    components = ["../../components/mesh"]
    (mine / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["../small"], "components": components}))
    made = rendered(mine)
    for name in ("StatefulSet/carbon-stream-ingest", "Deployment/carbon-stream-query"):
        metadata = made[name]["spec"]["template"]["metadata"]
        assert metadata["labels"]["sidecar.istio.io/inject"] == "true"
        assert json.loads(metadata["annotations"]["proxy.istio.io/config"])["holdApplicationUntilProxyStarts"] is True
        assert metadata["annotations"]["traffic.sidecar.istio.io/excludeOutboundPorts"] == "9092,9093"
    worker = made["StatefulSet/carbon-stream-worker"]["spec"]["template"]["metadata"]
    assert worker["labels"]["sidecar.istio.io/inject"] == "false"


def test_the_compose_file_is_what_the_specification_says() -> None:
    schema = json.loads((Path(__file__).parent / "data" / "compose-spec.schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    assert list(validator.iter_errors({**COMPOSE, "service": {}})), "the schema refuses what it does not know"


def test_all_runs_the_version_that_this_is() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {role.container["image"] for role in ROLES.values()} | {service["image"] for service in OURS.values()}
    assert images == {f"carbon-stream:{version}"}
    for overlay in ("small", "production"):
        (override,) = yaml.safe_load((FOLDER / "overlays" / overlay / "kustomization.yaml").read_text())["images"]
        assert override == {"name": "carbon-stream", "newTag": version}


def test_images_are_named_without_a_registry() -> None:
    images = {service["image"] for service in COMPOSE["services"].values()}
    containers = [
        c
        for each in OBJECTS.values()
        if "template" in each.get("spec", {})
        for c in each["spec"]["template"]["spec"]["containers"]
    ]
    for image in images | {container["image"] for container in containers}:
        name, _, tag = image.partition(":")
        assert "." not in name, image
        assert tag, image
        assert tag != "latest"


def test_the_broker_is_of_the_version_that_the_tests_run_on() -> None:
    jars = json.loads((ROOT / "carbon_stream" / "local" / "jars.json").read_text())
    (version,) = re.findall(r"kafka_2\.13:([\d.]+)", jars["endpoint"])
    assert COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{version}"


@pytest.mark.parametrize(
    "words",
    [*(role.container["args"] for role in ROLES.values()), *(service["command"] for service in OURS.values())],
    ids=" ".join,
)
def test_every_command_is_one_of_ours(words: list[str]) -> None:
    resolve(words)


def test_a_command_that_is_none_of_ours_is_found() -> None:
    with pytest.raises(AssertionError):
        resolve(["serve"])
    with pytest.raises(click.UsageError):
        resolve(["ingest", "--workers", "2"])


@each_role
def test_every_variable_is_a_setting_with_a_value_that_it_takes(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = literal_variables(role)
    assert variables.keys() | {entry["name"] for entry in role.container.get("env", [])} <= KNOWN
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if role.name == "worker":
        monkeypatch.setenv("CARBON_STREAM_INSTANCE_ID", "carbon-stream-worker-0")
    assert Settings.load().kafka_bootstrap_servers == variables["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_in_compose_is_a_setting(name: str) -> None:
    assert OURS[name]["environment"].keys() <= KNOWN


def test_variables_named_in_comments_are_settings() -> None:
    for path in [*FOLDER.rglob("*.yaml"), DEMO]:
        mentioned = set(re.findall(r"\b(?:KAFKA|CARBON_STREAM)_[A-Z_]+\b", path.read_text()))
        assert mentioned <= KNOWN, path


@each_role
def test_no_secret_stands_in_a_manifest(role: Role) -> None:
    assert not [name for name in literal_variables(role) if SECRET.search(name) and not name.endswith("_FILE")]
    assert not [name for name in OBJECTS if name.startswith("Secret/")]
    for service in COMPOSE["services"].values():
        assert not [name for name in service.get("environment", {}) if SECRET.search(name)]


@each_role
def test_a_pod_may_do_no_more_than_it_needs(role: Role) -> None:
    pod, container = role.pod, role.container
    assert pod["serviceAccountName"] == ACCOUNTS.get(role.name, "carbon-stream")
    assert pod["automountServiceAccountToken"] is (role.name in ACCOUNTS)
    assert pod["enableServiceLinks"] is False
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in dockerfile
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "command" not in container, "the image's entry point runs"
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/data", "/tmp"}
    claims = {each["metadata"]["name"] for each in role.workload["spec"].get("volumeClaimTemplates", ())}
    volumes = {volume["name"] for volume in pod["volumes"]} | claims
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def slowest_stop_s() -> float:
    """From SIGTERM to the end, seconds: drain, requests, what the producer still waits for, the last unit of work."""
    flush_s: float = Settings.model_fields["publish_timeout_s"].default
    return max(DRAIN_S + FINISH_S + flush_s + FINISH_S_MAX, SUPERVISOR_STOP_S)


@each_server
def test_it_is_given_the_time_that_its_own_end_takes(role: Role) -> None:
    words = role.container["lifecycle"]["preStop"]["exec"]["command"]
    if role.name == "ingest":
        assert words[0] == "carbon-stream"
        resolve(words[1:])
        before_s = float(words[words.index("--settle") + 1]) + float(words[words.index("--wait") + 1])
    else:
        assert words[0] == "sleep"
        before_s = float(words[1])
    assert role.pod["terminationGracePeriodSeconds"] >= before_s + slowest_stop_s() + 5
    grace = OURS[role.name]["stop_grace_period"]
    assert int(grace.removesuffix("s")) >= slowest_stop_s() + 5


@each_server
def test_its_port_and_probes_are_those_of_the_service(role: Role) -> None:
    assert f"CARBON_STREAM_HTTP_PORT={PORT}" in (ROOT / "Dockerfile").read_text()
    assert Settings.model_fields["http_port"].default == PORT
    assert role.container["ports"] == [{"name": "http", "containerPort": PORT}]
    paths = {route.path for route in status.routes()}
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert role.container[probe]["httpGet"] == {"path": path, "port": "http"}
        assert path in paths
    assert f":{PORT}/readyz" in OURS[role.name]["healthcheck"]["test"][-1]
    for published in OURS[role.name].get("ports", []):
        assert published.startswith("127.0.0.1:")
        assert published.endswith(f":{PORT}")


@each_server
def test_what_selects_pods_selects_these(role: Role) -> None:
    labels = role.template["metadata"]["labels"].items()
    spec = role.workload["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        OBJECTS[f"Service/carbon-stream-{role.name}"]["spec"]["selector"],
        OBJECTS[f"PodDisruptionBudget/carbon-stream-{role.name}"]["spec"]["selector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in role.pod["topologySpreadConstraints"]),
    ]
    assert len(selectors) == 5
    for selector in selectors:
        assert ("app.kubernetes.io/component", role.name) in selector.items()
        assert selector.items() <= labels
    assert OBJECTS["NetworkPolicy/carbon-stream"]["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_the_gateway_finds_what_it_knows() -> None:
    service = OBJECTS["Service/carbon-stream-ingest"]
    assert service["metadata"]["namespace"] == "data-platform"
    assert service["spec"]["ports"] == [{"name": "http", "port": PORT, "targetPort": "http"}]
    (rule,) = OBJECTS["NetworkPolicy/carbon-stream"]["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": PORT}]
    assert "kong" in json.dumps(rule["from"])


def test_all_is_in_the_platforms_namespace_and_reads_stay_up() -> None:
    others = [document for document in OBJECTS.values() if document["metadata"].get("namespace") != NAMESPACE]
    assert {document["kind"] for document in others} == {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    assert {name: ROLES[name].workload["spec"]["replicas"] for name in ("worker", "ingest", "query")} == {
        "worker": 2,
        "ingest": 2,
        "query": 2,
    }
    assert OBJECTS["ServiceAccount/carbon-stream"]["automountServiceAccountToken"] is False


def test_a_worker_has_its_pods_name() -> None:
    (entry,) = (e for e in ROLES["worker"].container["env"] if e["name"] == "CARBON_STREAM_INSTANCE_ID")
    assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert ROLES["worker"].workload["kind"] == "StatefulSet"


@pytest.mark.parametrize("name", ["worker", "ingest"])
def test_what_is_kept_on_disk_outlives_its_pod(name: str) -> None:
    spec = ROLES[name].workload["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    mounts = {mount["mountPath"]: mount["name"] for mount in ROLES[name].container["volumeMounts"]}
    assert mounts["/data"] == "data"
    assert "CARBON_STREAM_DATA_DIR=/data" in (ROOT / "Dockerfile").read_text()


def test_rights_are_few_and_named() -> None:
    rights = [each for each in OBJECTS.values() if each["kind"] in ("Role", "ClusterRole")]
    assert rights
    for each in rights:
        for rule in each["rules"]:
            assert "*" not in (*rule["verbs"], *rule["resources"], *rule["apiGroups"])
            assert "secrets" not in rule["resources"], "nothing of ours reads a Secret by the API"
            if each["metadata"]["name"] == "carbon-stream-verify":
                assert set(rule["verbs"]) <= {"get", "list"}, "it only looks"
    for account in ACCOUNTS.values():
        assert OBJECTS[f"ServiceAccount/{account}"]["automountServiceAccountToken"] is False


def test_every_right_is_bound_to_its_account_where_it_counts() -> None:
    for each in OBJECTS.values():
        if each["kind"] in ("Role", "ClusterRole"):
            binding = OBJECTS[named({**each, "kind": f"{each['kind']}Binding"})]
            assert binding["roleRef"]["name"] == each["metadata"]["name"]
            assert [subject["name"] for subject in binding["subjects"]] == [each["metadata"]["name"]]


def test_the_tunnel_has_its_token_from_a_secret_and_leads_to_the_gateway_alone() -> None:
    (container,) = OBJECTS["Deployment/carbon-stream-tunnel"]["spec"]["template"]["spec"]["containers"]
    (token,) = container["env"]
    assert token == {
        "name": "TUNNEL_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "carbon-stream-tunnel", "key": "token"}},
    }
    policy = OBJECTS["NetworkPolicy/carbon-stream-tunnel"]["spec"]
    spaces = [peer["namespaceSelector"] for rule in policy["egress"] for peer in rule.get("to", ())]
    assert {"matchLabels": {"kubernetes.io/metadata.name": "kong"}} in spaces
    assert all(port["port"] != PORT for rule in policy["egress"] for port in rule["ports"])
