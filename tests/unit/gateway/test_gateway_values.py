"""The desired state is data with a form: what is wrong in it is named, and an overlay changes what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import PLATFORM, load_gateway
from carbon_stream.bootstrap.overlays import merged, merged_values
from carbon_stream.bootstrap.schemas import overlay_schema, schema
from carbon_stream.errors import OperatorError


def overlay(folder: Path, text: str) -> list[Path]:
    path = folder / "overlay.yaml"
    path.write_text(text)
    return [path]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: {trino: {upstream: {port: 70000}}}", "services.trino.upstream.port: Input should be less than"),
        ("services: {trino: {timeout: 3}}", "services.trino.timeout: Extra inputs are not permitted"),
        ("services: {trino: {route: {paths: [api]}}}", "services.trino.route.paths.0: String should match"),
        ("services: {trino: {upstream: {host: a.example}}}", "either `service` or `host`"),
        ("services: {mlflow: {route: {paths: [/api/trino]}}}", "/api/trino is the route of trino already"),
        ("plugins: {cors: {services: {nowhere: {}}}}", "plugins.cors: there is no service nowhere"),
        ("plugins: {jwt: {groups: [nobody]}}", "plugins.jwt: no service is of group nobody"),
        ('plugins: {cors: {config: {origins: ["*"]}}}', '"*" and credentials is true'),
        ("plugins: {cors: {config: {origins: []}}}", "origins is a list with at least one"),
        ("plugins: {cors: {config: {origins: ['https://a.example/x']}}}", "more than an origin"),
        ("plugins: {jwt: {config: {maximum_expiration: 86401}}}", "maximum_expiration is from 1 to 86400"),
        ("plugins: {jwt: {config: {claims_to_verify: [exp]}}}", "needs exp and nbf"),
        ("plugins: {rate-limit: {services: {trino: {hour: 10}}}}", "hour (10) is lower than minute (50)"),
        ("plugins: {rate-limit: {services: {mlflow: {}}}}", "needs a limit for at least one of"),
        (
            "plugins: {ip-restriction: {config: {allow: [10.0.0.0/40]}}}",
            "does not appear to be an IPv4 or IPv6 network",
        ),
        ("plugins: {audit-log: {config: {http_endpoint: 'http://u:p@h/x'}}}", "no user and password"),
        ("plugins: {audit-log: {secrets: {timeout: {secret: a, key: b}}}}", "in `config` and in `secrets`"),
        ("plugins: {metrics: {groups: [platform]}}", "either `global`, or has `groups` or `services`"),
        ("plugins: {jwt: {enabled: true}}\nconsumers: null", "no consumer has a credential for it"),
        ("tag: platform", "is the name of a group as well"),
        ("version: 2", "version: Input should be 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OperatorError) as caught:
        load_gateway(overlay(tmp_path, text))
    assert told in str(caught.value)
    assert "overlay.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: [", "overlay.yaml, line 1"),
        ("tag: a\ntag: b", "line 2, column 1: tag stands twice"),
        ("- a", "is not a mapping"),
        ("tag: !!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_no_values_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OperatorError, match=r"overlay\.yaml") as caught:
        load_gateway(overlay(tmp_path, text))
    assert told in str(caught.value)


def test_an_overlay_changes_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    text = "services: {mlflow: null, trino: {retries: 1}}\nplugins: {cors: {config: {origins: ['https://a.example']}}}"
    plain, changed = load_gateway(), load_gateway(overlay(tmp_path, text))
    assert plain.services.keys() - changed.services.keys() == {"mlflow"}
    assert changed.services["trino"] == plain.services["trino"].model_copy(update={"retries": 1})
    assert changed.plugins["cors"].config["origins"] == ["https://a.example"]
    assert changed.plugins["cors"].config["max_age"] == plain.plugins["cors"].config["max_age"]
    assert {n: p for n, p in plain.plugins.items() if n != "cors"} == {
        n: p for n, p in changed.plugins.items() if n != "cors"
    }


def test_two_entries_for_one_place_that_contradict_are_refused(tmp_path: Path) -> None:
    from carbon_stream.bootstrap.gateway.desired import wanted_entities
    from carbon_stream.bootstrap.gateway.secrets import masked_references

    config = "{origins: ['https://a.example'], max_age: 1}"
    text = f"plugins: {{more: {{plugin: cors, services: {{superset: {{}}}}, config: {config}}}}}"
    gateway = load_gateway(overlay(tmp_path, text))
    with pytest.raises(
        OperatorError, match=r"plugins\.cors and plugins\.more are both for plugin cors on service superset"
    ):
        wanted_entities(gateway, masked_references)


values = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.lists(st.integers(), max_size=2)),
    lambda below: st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents, documents)
def test_laying_a_file_over_twice_is_as_once(base: dict[str, object], over: dict[str, object]) -> None:
    once = merged(base, over)
    assert merged(once, over) == once
    assert merged(base, {}) == base
    assert merged(base, dict.fromkeys(base)) == {}


def test_the_schema_takes_what_the_models_take_and_refuses_what_is_unknown() -> None:
    document = yaml.safe_load(PLATFORM.read_text())
    validator = Draft202012Validator(schema(Gateway))
    assert [error.message for error in validator.iter_errors(document)] == []
    assert not validator.is_valid({**document, "servces": {}})
    assert not validator.is_valid({**document, "version": 2})
    assert json.loads(json.dumps(merged_values((), PLATFORM))) == document


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("{}", True),
        ("services: {mlflow: null}", True),
        ("plugins: {jwt: {enabled: true}}", True),
        ("services: {trino: {retries: 1}}", True),
        ("servces: {}", False),
        ("services: {trino: {retry: 1}}", False),
        ("plugins: {jwt: {enabled: maybe}}", False),
    ],
)
def test_the_overlays_schema_takes_parts_and_nulls(text: str, fits: bool) -> None:
    assert Draft202012Validator(overlay_schema(Gateway)).is_valid(yaml.safe_load(text)) is fits
