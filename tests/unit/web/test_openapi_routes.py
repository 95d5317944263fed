"""The OpenAPI document and the application have the same operations, and every reference in it leads somewhere."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.exports import example
from carbon_stream.settings import Settings
from carbon_stream.web.application import ingest_application, query_application, whole_application
from carbon_stream.web.openapi import DOCUMENT
from carbon_stream.web.openapi_paths import OPERATIONS

METHODS = {"get", "post", "put", "patch", "delete"}


def document(build: Callable[[Settings], web.Application] = whole_application) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(build(Settings())[DOCUMENT])
    return loaded


def described(of: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in of["paths"].items() for method in item if method in METHODS}


def routed(application: web.Application) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


@pytest.mark.parametrize("build", [whole_application, ingest_application, query_application])
def test_the_document_tells_of_the_routes_that_there_are(build: Callable[[Settings], web.Application]) -> None:
    assert described(document(build)) == routed(build(Settings()))


def test_every_described_operation_is_served_by_the_whole_application() -> None:
    assert set(OPERATIONS) == routed(whole_application(Settings()))


def test_ingest_alone_answers_no_queries_and_queries_alone_take_nothing() -> None:
    assert ("POST", "/v1/events") not in routed(query_application(Settings()))
    assert ("GET", "/v1/lineage") not in routed(ingest_application(Settings()))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("build", [whole_application, ingest_application, query_application])
def test_every_reference_leads_somewhere(build: Callable[[Settings], web.Application]) -> None:
    whole = document(build)
    for reference in set(references(whole)):
        place: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


@pytest.mark.parametrize("token", ["s3cret", None])
def test_replay_asks_for_a_token_only_where_one_would_help(token: str | None) -> None:
    application = whole_application(Settings(admin_token=SecretStr(token) if token else None))
    replay = json.loads(application[DOCUMENT])["paths"]["/v1/dead-letters/replay"]["post"]
    assert ("security" in replay, "401" in replay["responses"]) == (bool(token), bool(token))
    assert "403" in replay["responses"]


def test_every_component_is_a_json_schema() -> None:
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_an_id_of_its_own_and_a_summary() -> None:
    operations = list(OPERATIONS.values())
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


@pytest.mark.parametrize("event_type", list(BY_EVENT_TYPE))
def test_the_body_of_post_events_takes_each_example_as_one_type(event_type: str) -> None:
    whole = document()
    schema = whole["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": whole["components"]})
    validator.validate(example(event_type))
    validator.validate([example(event_type)])
    assert not validator.is_valid({**example(event_type), "eventType": "PageViewEvent"})
    assert not validator.is_valid([])
