"""The exported catalog and JSON Schemas, read into what the generated code needs."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdk.generator import ROOT_FOLDER

EXPORTS = ROOT_FOLDER / "carbon_stream/contracts/exports"
COMMAND = "python -m sdk.generator"
NOT_OFFERED = ("context",)
"""Fields that are not a producer's to fill in."""


@dataclass(frozen=True)
class Property:
    """One field: names and words from the catalog, what it may hold from the JSON Schema."""

    name: str
    attribute: str
    description: str
    required: bool
    schema: dict[str, Any]

    @property
    def enum(self) -> list[str]:
        return [value for value in self.schema.get("enum", ()) if value is not None]

    @property
    def nullable(self) -> bool:
        return None in self.schema.get("enum", ()) or "null" in self._types or self.kind == "any"

    @property
    def _types(self) -> list[str]:
        types = self.schema.get("type", [])
        return [types] if isinstance(types, str) else types

    @property
    def kind(self) -> str:
        if "const" in self.schema or self.enum:
            return "string"
        (kind,) = [name for name in self._types if name != "null"] or ["any"]
        return "record" if "properties" in self.schema else kind

    @property
    def bounds(self) -> tuple[Any, Any]:
        pairs = (
            ("minimum", "maximum"),
            ("minLength", "maxLength"),
            ("minProperties", "maxProperties"),
            ("minItems", "maxItems"),
        )
        for low, high in pairs:
            if low in self.schema or high in self.schema:
                return self.schema.get(low), self.schema.get(high)
        return None, None

    @cached_property
    def items(self) -> "Property | None":
        if "items" not in self.schema:
            return None
        return Property("", self.attribute, "", False, self.schema["items"])

    @cached_property
    def record(self) -> "tuple[Property, ...]":
        found = self.schema.get("properties", {})
        return tuple(
            Property(name, snake(name), value["description"], name in self.schema["required"], value)
            for name, value in found.items()
        )


@dataclass(frozen=True)
class Type:
    """One event type. `own` are the fields that its methods take beside those of the envelope."""

    name: str
    topic: str
    description: str
    key_fields: tuple[str, ...]
    properties: tuple[Property, ...]
    envelope_names: frozenset[str]

    @property
    def snake(self) -> str:
        return snake(self.name)

    @property
    def constant(self) -> str:
        return self.snake.upper()

    @property
    def version_of_its_own(self) -> bool:
        return any(field.name == "version" and field.required for field in self.properties)

    @property
    def own(self) -> tuple[Property, ...]:
        return tuple(
            field
            for field in self.properties
            if field.name not in self.envelope_names or (field.name == "version" and self.version_of_its_own)
        )

    @property
    def ordered(self) -> tuple[Property, ...]:
        """Its own fields, those that are required first."""
        return tuple(sorted(self.own, key=lambda field: not field.required))


def types() -> tuple[Type, ...]:
    """The twelve, in the catalog's order."""
    topics = json.loads((EXPORTS / "catalog.json").read_text(encoding="utf-8"))["topics"]
    return tuple(_type(topic, envelope_names(topics)) for topic in topics)


def envelope_names(topics: list[dict[str, Any]]) -> frozenset[str]:
    """The fields that all types have."""
    return frozenset.intersection(*(frozenset(field["name"] for field in topic["fields"]) for topic in topics))


def _type(topic: dict[str, Any], envelope: frozenset[str]) -> Type:
    schema = json.loads((EXPORTS / f"schemas/{topic['eventType']}.json").read_text(encoding="utf-8"))
    fields = tuple(
        Property(
            field["name"],
            field["attribute"],
            field["description"],
            field["name"] in schema["required"],
            schema["properties"][field["name"]],
        )
        for field in topic["fields"]
    )
    return Type(topic["eventType"], topic["name"], topic["description"], tuple(topic["keyFields"]), fields, envelope)


def snake(name: str) -> str:
    """CamelCase or PascalCase, with abbreviations, in snake_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
