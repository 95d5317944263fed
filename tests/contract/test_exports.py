"""The committed exports are fresh, valid, and say what the models do."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from carbon_stream.contracts import codec, examples
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, TOPICS
from carbon_stream.contracts.envelope import Event
from carbon_stream.contracts.exports import asyncapi, catalog, export_all, rendered, schema
from carbon_stream.contracts.fields import fields
from carbon_stream.contracts.schemas import schema_object

ROOT = Path(__file__).parents[2]


def test_committed_exports_are_fresh() -> None:
    stale = [
        name
        for name, text in rendered().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]
    assert not stale, "run python -m carbon_stream.contracts.exports"


def test_no_export_is_left_over() -> None:
    folder = ROOT / "carbon_stream/contracts/exports"
    found = {str(path.relative_to(ROOT)) for path in folder.rglob("*") if path.is_file()}
    assert found == {name for name in rendered() if name.startswith("carbon_stream")}


def test_export_all_writes_every_file(tmp_path: Path) -> None:
    written = export_all(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in written} == set(rendered())
    assert {path.read_text(encoding="utf-8") for path in written} == set(rendered().values())


def test_asyncapi_document_is_valid_by_its_official_schema() -> None:
    official = json.loads((ROOT / "tests/contract/data/asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    problems = [
        f"{error.json_path}: {error.message[:200]}" for error in Draft7Validator(official).iter_errors(asyncapi())
    ]
    assert not problems


def test_the_official_asyncapi_schema_can_refuse() -> None:
    official = json.loads((ROOT / "tests/contract/data/asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
    broken = asyncapi()
    broken["operations"]["receiveSecurityEvent"]["action"] = "consume"
    assert not Draft7Validator(official).is_valid(broken)


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    found = list(references(document))
    assert len(found) >= 5 * len(TOPICS)
    for reference in found:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for child in value.values() for found in references(child)]
    return [found for child in value for found in references(child)] if isinstance(value, list) else []


def test_asyncapi_has_a_channel_a_topic_and_two_operations_a_type() -> None:
    document = asyncapi()
    assert list(document["channels"]) == [topic.name for topic in TOPICS]
    assert len(document["operations"]) == 2 * len(TOPICS)


@pytest.mark.parametrize("event_type", BY_EVENT_TYPE)
def test_schema_is_valid_in_both_dialects_that_it_is_used_in(event_type: str) -> None:
    Draft202012Validator.check_schema(schema(event_type))
    Draft7Validator.check_schema(schema_object(event_type))


@pytest.mark.parametrize("event_type", BY_EVENT_TYPE)
def test_schema_agrees_with_the_golden_examples(event_type: str) -> None:
    for validator in (Draft202012Validator(schema(event_type)), Draft7Validator(schema_object(event_type))):
        for case in examples.valid(event_type):
            assert validator.is_valid(case.event), case.name
        for case in examples.invalid(event_type):
            assert not validator.is_valid(case.event), case.name


@pytest.mark.parametrize("event_type", BY_EVENT_TYPE)
def test_schema_points_where_the_codec_points(event_type: str) -> None:
    validator = Draft202012Validator(schema(event_type))
    for case in examples.invalid(event_type):
        found = set()
        for error in validator.iter_errors(case.event):
            path = "".join(f"/{part}" for part in error.absolute_path)
            found.add(f"{path}/{error.message.split(chr(39))[1]}" if error.validator == "required" else path)
        assert found == {pointer for pointer, _ in case.errors}, case.name


def test_schema_of_an_unknown_type_is_an_error() -> None:
    with pytest.raises(KeyError):
        schema("NoSuchEvent")


def test_catalog_is_complete() -> None:
    document = json.loads(json.dumps(catalog()))
    assert [topic["eventType"] for topic in document["topics"]] == list(BY_EVENT_TYPE)
    for told, topic in zip(document["topics"], TOPICS, strict=True):
        assert told["partitions"] == document["groups"][told["group"]]["partitions"] == topic.partitions
        names = [entry["name"] for entry in told["fields"]]
        assert names == [spec.name for spec in fields(topic.model)]
        assert set(told["keyFields"]) <= set(names)
        required = {entry["name"] for entry in told["fields"] if entry["required"]}
        assert required == set(schema(topic.event_type)["required"])
        assert all(entry["description"] for entry in told["fields"])
    assert document["rejectionReasons"] == list(codec.REASONS)


def test_the_page_names_every_topic_type_and_field() -> None:
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    envelope = {spec.name for spec in fields(Event)}
    for topic in TOPICS:
        section = page.split(f"## {topic.event_type}\n")[1].split("\n## ")[0]
        assert f"`{topic.name}`" in section
        for spec in fields(topic.model):
            assert spec.name in envelope or f"| {spec.name} |" in section
        assert json.loads(section.split("```json\n")[1].split("```")[0]) == examples.example(topic.event_type)
    deployment = page.split("## DeploymentEvent\n")[1].split("\n## ")[0]
    assert "| version | string, at most 1,024 characters | yes | The deployed version. |" in deployment
