"""The mesh's desired state as Kubernetes objects: what the platform's facts say, by Istio's own schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from carbon_stream.bootstrap.mesh.exports import rendered
from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.mesh_config import provider_step
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import MANAGED_BY, Key, key_of
from carbon_stream.bootstrap.mesh.values import PLATFORM, load_mesh
from carbon_stream.bootstrap.schemas import overlay_schema, schema
from carbon_stream.errors import OperatorError
from tests.support import istio_schemas

ROOT = Path(__file__).parents[3]
FACTS = [Facts(), Facts(strict_through=2), Facts(strict_through=5, zones=True)]


def by_key(facts: Facts = FACTS[0], mesh: Mesh | None = None) -> dict[Key, dict[str, Any]]:
    return {key_of(each): each for each in manifests(mesh or load_mesh(), facts)}


def overlaid(tmp_path: Path, text: str) -> Mesh:
    path = tmp_path / "overlay.yaml"
    path.write_text(text)
    return load_mesh([path])


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_every_object_is_what_istio_takes(facts: Facts) -> None:
    objects = manifests(load_mesh(), facts)
    assert len({key_of(each) for each in objects}) == len(objects), "no two have one name"
    for each in objects:
        if each["kind"] != "Namespace":
            assert istio_schemas.problems(each) == [], key_of(each)
            assert each["metadata"]["labels"][MANAGED_BY] == "carbon-stream-bootstrap"


def test_the_schemas_refuse_what_is_wrong() -> None:
    rule = by_key()[Key("DestinationRule", "data-platform", "data-platform-default")]
    assert istio_schemas.problems({**rule, "spec": {**rule["spec"], "hots": "x"}})
    policy = {**rule["spec"]["trafficPolicy"], "loadBalancer": {"simple": "BEST"}}
    assert istio_schemas.problems({**rule, "spec": {**rule["spec"], "trafficPolicy": policy}})


def test_there_are_23_pods() -> None:
    mesh = load_mesh()
    assert sum(workload.pods for workload in mesh.workloads.values()) == 23
    assert sum(w.pods for w in mesh.workloads.values() if mesh.at(w) == "kong") == 2


def test_the_default_rule_has_the_platforms_limits() -> None:
    spec = by_key()[Key("DestinationRule", "data-platform", "data-platform-default")]["spec"]
    assert spec["host"] == "*.data-platform.svc.cluster.local"
    assert spec["trafficPolicy"] == {
        "loadBalancer": {"simple": "LEAST_REQUEST"},
        "connectionPool": {
            "tcp": {"maxConnections": 100},
            "http": {"http1MaxPendingRequests": 50, "http2MaxRequests": 100, "maxRetries": 3},
        },
        "outlierDetection": {
            "consecutive5xxErrors": 5,
            "interval": "30s",
            "baseEjectionTime": "30s",
            "maxEjectionPercent": 50,
        },
    }


def test_zones_bring_failover_and_it_can_be_switched() -> None:
    def failover(mesh: Mesh, zones: bool) -> bool:
        rules = [each for each in manifests(mesh, Facts(zones=zones)) if each["kind"] == "DestinationRule"]
        balancers = [each["spec"]["trafficPolicy"].get("loadBalancer") for each in rules]
        (answer,) = {"localityLbSetting" in each for each in balancers if each}
        return answer

    mesh = load_mesh()
    answers = {
        (mode, zones): failover(mesh.model_copy(update={"locality_failover": mode}), zones)
        for mode in ("auto", "on", "off")
        for zones in (False, True)
    }
    assert {case for case, answer in answers.items() if answer} == {("auto", True), ("on", False), ("on", True)}


def test_a_statement_of_trinos_has_an_hour_and_is_never_sent_again() -> None:
    spec = by_key()[Key("VirtualService", "data-platform", "trino-coordinator")]["spec"]
    statement, reads, others = spec["http"]
    assert statement["match"] == [{"uri": {"prefix": "/v1/statement"}}]
    assert (statement["timeout"], statement["retries"]) == ("3600s", {"attempts": 0})
    assert (reads["retries"]["attempts"], others["retries"]["attempts"]) == (3, 3)
    rule = by_key()[Key("DestinationRule", "data-platform", "trino-coordinator")]["spec"]
    assert rule["trafficPolicy"]["loadBalancer"]["simple"] == "ROUND_ROBIN"


def test_only_reads_are_sent_again_after_an_answer() -> None:
    for key, each in by_key().items():
        if key.kind != "VirtualService":
            continue
        assert "match" not in each["spec"]["http"][-1], "every request finds a route"
        for route in each["spec"]["http"]:
            methods = {match.get("method", {}).get("regex") for match in route.get("match", ())}
            if "gateway-error" in route["retries"].get("retryOn", ""):
                assert methods == {"GET|HEAD|OPTIONS"}


def test_mtls_goes_strict_phase_by_phase() -> None:
    mesh = load_mesh()

    def strict(through: int) -> set[str]:
        found = by_key(Facts(strict_through=through))
        return {
            key.name
            for key, each in found.items()
            if key.kind == "PeerAuthentication" and each["spec"]["mtls"]["mode"] == "STRICT"
        }

    assert strict(0) == set()
    assert strict(1) == {
        f"strict-{name}" for name in ("superset-web", "superset-worker", "superset-beat", "portal", "portal-services")
    }
    assert all(strict(number) < strict(number + 1) for number in range(5))
    assert strict(5) == {f"strict-{name}" for name in mesh.workloads}
    kong = by_key(Facts(strict_through=5))[Key("PeerAuthentication", "kong", "strict-kong")]["spec"]
    assert {int(port) for port in kong["portLevelMtls"]} == {8000, 8001, 8443, 8444}


def test_ports_of_databases_and_brokers_stay_plain() -> None:
    found = by_key()
    ports = {
        int(port)
        for key, each in found.items()
        if key.kind == "PeerAuthentication"
        for port, mode in each["spec"].get("portLevelMtls", {}).items()
        if mode == {"mode": "DISABLE"}
    }
    assert ports == {5432, 9092, 9093, 6379}
    kafka = found[Key("DestinationRule", "data-platform", "plain-kafka")]["spec"]["trafficPolicy"]
    assert [(each["port"]["number"], each["tls"]["mode"]) for each in kafka["portLevelSettings"]] == [
        (9092, "DISABLE"),
        (9093, "DISABLE"),
    ]
    for each in found.values():
        if each["kind"] == "PeerAuthentication" and "portLevelMtls" in each["spec"]:
            assert "selector" in each["spec"], "Istio takes ports only with a selector"


def test_telemetry_is_metrics_a_tenth_of_traces_and_what_failed() -> None:
    spec = by_key()[Key("Telemetry", "kong", "data-platform-default")]["spec"]
    assert spec["tracing"] == [{"providers": [{"name": "jaeger"}], "randomSamplingPercentage": 10}]
    assert spec["accessLogging"][0]["filter"] == {"expression": "response.code >= 400"}
    assert spec["metrics"] == [{"providers": [{"name": "prometheus"}]}]


def test_callers_prove_their_namespace_only_when_asked_to(tmp_path: Path) -> None:
    key = Key("AuthorizationPolicy", "data-platform", "carbon-stream-ingest")
    assert all("from" not in rule for rule in by_key()[key]["spec"]["rules"])
    on = overlaid(tmp_path, "endpoints: {carbon-stream-ingest: {check_namespaces: true}}")
    rules = by_key(mesh=on)[key]["spec"]["rules"]
    assert rules[0]["from"] == [{"source": {"namespaces": ["data-platform", "kong"]}}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workloads: {portal: {phase: last}}", "workloads.portal: last is not among `phases`"),
        ("workloads: {kong: {namespace: elsewhere}}", "workloads.kong: namespace elsewhere is not among `namespaces`"),
        (
            "workloads: {portal: {selector: {app: superset-web}}}",
            "its selector is that of workloads.superset-web already",
        ),
        ("limits: {max_ejected_percent: 500}", "limits.max_ejected_percent"),
        ("retries: {attempts: -1}", "retries.attempts"),
        ("retries: {timeout_s: 5, per_try_timeout_s: 9}", "per_try_timeout_s is longer than timeout_s"),
        ("servces: {}", "servces"),
        ("namespaces: [data-platform, data-platform, kong]", "a namespace stands twice"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OperatorError) as error:
        overlaid(tmp_path, text)
    assert said in str(error.value)
    assert "overlay.yaml" in str(error.value)


def test_committed_exports_of_the_mesh_are_fresh() -> None:
    stale = [name for name, text in rendered().items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert not stale, "run python -m carbon_stream.bootstrap.mesh.exports"
    folder = {str(path.relative_to(ROOT)) for path in (ROOT / "deploy/platform").glob("mesh*")}
    assert folder == set(rendered())


def test_the_meshs_schemas_take_its_values_and_refuse_what_is_unknown() -> None:
    document = yaml.safe_load(PLATFORM.read_text())
    for each in (schema(Mesh), overlay_schema(Mesh)):
        validator = Draft202012Validator(each)
        assert [error.message for error in validator.iter_errors(json.loads(json.dumps(document)))] == []
        assert not validator.is_valid({**document, "wrkloads": {}})
    assert Draft202012Validator(overlay_schema(Mesh)).is_valid({"workloads": {"portal": None}})


THERE: dict[str, Any] = {
    "metadata": {"uid": "1", "resourceVersion": "7"},
    "data": {"mesh": "accessLogFile: /dev/stdout\n"},
}


def test_a_missing_tracing_provider_is_somebody_elses_to_add() -> None:
    step, note = provider_step(load_mesh(), THERE)
    assert step is None
    assert "extensionProviders" in note
    assert "jaeger-collector.monitoring.svc.cluster.local" in note


def test_a_tracing_provider_is_written_where_that_is_ours_and_all_else_stays(tmp_path: Path) -> None:
    mesh = overlaid(tmp_path, "tracing: {manage_provider: true}")
    step, note = provider_step(mesh, THERE)
    assert note == ""
    assert step is not None
    assert step.body is not None
    config = yaml.safe_load(step.body["data"]["mesh"])
    assert config["accessLogFile"] == "/dev/stdout"
    assert step.body["metadata"] == {"resourceVersion": "7"}, "refused when somebody was quicker"
    written = {**THERE, "data": {"mesh": step.body["data"]["mesh"]}}
    assert provider_step(mesh, written) == (None, "")
    assert provider_step(load_mesh(), written) == (None, "")


def test_a_mesh_configuration_that_is_missing_or_unreadable_is_said() -> None:
    assert "is Istio installed" in provider_step(load_mesh(), None)[1]
    broken = {**THERE, "data": {"mesh": "a: [b"}}
    assert "no YAML mapping" in provider_step(load_mesh(), broken)[1]
