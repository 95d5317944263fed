"""What is made from the desired state is fresh, and says the same in the words of other tools."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from carbon_stream.bootstrap.gateway.deck import deck_document, deck_text
from carbon_stream.bootstrap.gateway.exports import rendered
from carbon_stream.bootstrap.gateway.kubernetes import kubernetes_resources
from carbon_stream.bootstrap.gateway.values import load_gateway

ROOT = Path(__file__).parents[3]


def test_committed_exports_are_fresh() -> None:
    stale = [name for name, text in rendered().items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert not stale, "run python -m carbon_stream.bootstrap.gateway.exports"
    folder = {str(path.relative_to(ROOT)) for path in (ROOT / "deploy/platform").glob("gateway*")}
    assert folder == set(rendered())


def test_the_deck_file_has_ten_services_nine_routes_and_ours() -> None:
    document = yaml.safe_load(deck_text(load_gateway()))
    platform = [each for each in document["services"] if "platform" in each["tags"]]
    assert (len(platform), sum(len(each.get("routes", [])) for each in platform)) == (10, 9)
    assert document["_info"] == {"select_tags": ["carbon-stream-bootstrap"]}
    assert {plugin["name"] for plugin in document["plugins"]} == {"prometheus", "correlation-id", "zipkin"}
    assert "consumers" not in document


def test_what_is_off_is_not_exported_and_secrets_are_references(tmp_path: Path) -> None:
    path = tmp_path / "on.yaml"
    path.write_text("plugins: {jwt: {enabled: true}, key-auth: {enabled: true}}")
    text = deck_text(load_gateway([path]))
    (consumer,) = yaml.safe_load(text)["consumers"]
    assert consumer["keyauth_credentials"][0]["key"] == '${{ env "DECK_CARBON_STREAM_GATEWAY_KEYS_PLATFORM" }}'
    assert "oauth2_credentials" not in consumer
    (indent, told) = re.findall(
        r'^( +)\$\{\{ env "DECK_CARBON_STREAM_GATEWAY_JWT_PUBLIC_PEM" \| indent (\d+)', text, re.MULTILINE
    )[0]
    assert len(indent) == int(told), "decK fills a PEM of several lines in at the right column"


def test_kubernetes_resources_are_what_kubernetes_takes_and_say_the_same() -> None:
    gateway = load_gateway()
    resources = kubernetes_resources(gateway)
    for resource in resources:
        if resource["kind"] in ("Service", "Ingress"):
            kubernetes_validate.validate(resource, "1.33", strict=True)
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in resources}
    assert len(by_name) == len(resources)
    trino = by_name["Service", "gateway-trino"]
    assert trino["spec"]["externalName"] == "trino-coordinator.data-platform.svc.cluster.local"
    annotations = trino["metadata"]["annotations"]
    assert (annotations["konghq.com/read-timeout"], annotations["konghq.com/retries"]) == ("3600000", "0")
    for (kind, _), resource in by_name.items():
        if kind == "Service":
            named = resource["metadata"]["annotations"].get("konghq.com/plugins", "")
            assert all(("KongPlugin", plugin) in by_name for plugin in named.split(",") if plugin)
    routes = {
        path["backend"]["service"]["name"]: (path["path"], each["metadata"]["annotations"]["konghq.com/strip-path"])
        for each in resources
        if each["kind"] == "Ingress"
        for rule in each["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert routes["gateway-portal-services"] == ("/api/services", "false")
    assert len(routes) == 10
    assert {name for kind, name in by_name if kind == "KongClusterPlugin"} == {
        "gateway-prometheus",
        "gateway-correlation-id",
        "gateway-zipkin",
    }
    deck = {
        (s["name"], p["name"]): p["config"] for s in deck_document(gateway)["services"] for p in s.get("plugins", [])
    }
    ours = {each["metadata"]["name"]: each["config"] for each in resources if each["kind"] == "KongPlugin"}
    assert {f"gateway-{service}-{plugin}": config for (service, plugin), config in deck.items()} == ours


def test_names_that_kubernetes_would_not_take_are_made_fit(tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(
        "services: {My.Service: {group: platform, upstream: {host: a.example, port: 443, protocol: https}}}"
    )
    names = [each["metadata"]["name"] for each in kubernetes_resources(load_gateway([path]))]
    assert "gateway-my-service" in names
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) for name in names)


@pytest.mark.parametrize("name", sorted(rendered()))
def test_no_export_holds_a_secret(name: str) -> None:
    assert not re.search(r"-----BEGIN|password: [^$\s]", rendered()[name])


def test_a_secret_in_a_plugins_settings_is_asked_for_where_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "key.yaml"
    ref = "{secret: carbon-stream-gateway-log, key: key}"
    path.write_text(f"plugins: {{audit-log: {{secrets: {{headers.X-Api-Key: {ref}}}}}}}")
    gateway = load_gateway([path])
    logs = [
        plugin
        for service in deck_document(gateway)["services"]
        for plugin in service.get("plugins", [])
        if plugin["name"] == "http-log"
    ]
    asked = '${{ env "DECK_CARBON_STREAM_GATEWAY_LOG_KEY" }}'
    assert [plugin["config"]["headers"] for plugin in logs] == [{"X-Api-Key": asked}] * 10
    resources = [each for each in kubernetes_resources(gateway) if each.get("plugin") == "http-log"]
    patch = {
        "path": "/headers/X-Api-Key",
        "valueFrom": {"secretKeyRef": {"name": "carbon-stream-gateway-log", "key": "key"}},
    }
    assert [(each["configPatches"], each["config"]["headers"]) for each in resources] == [([patch], {})] * 10
    yaml.safe_dump(resources)
