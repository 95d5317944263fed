"""Reading what the gateway has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from carbon_stream.bootstrap.gateway.admin import Admin, Refused, path_of
from carbon_stream.bootstrap.gateway.entities import (
    CREDENTIAL_KINDS,
    OWN_FIELDS,
    Body,
    Found,
    Info,
    Key,
    Kind,
    State,
    Wanted,
)
from carbon_stream.errors import OperatorError

__all__ = ["current", "entity_path", "names_by_id", "read_info", "read_state", "to_found"]

_REFERENCES = ("service", "route", "consumer", "consumer_group")
_OLDEST = (3, 0)


async def read_info(admin: Admin) -> Info:
    """What kind of gateway answers. OperatorError when it is none that we know how to speak to."""
    root = await admin.get("/")
    configuration = root.get("configuration") if isinstance(root, Mapping) else None
    database = configuration.get("database") if isinstance(configuration, Mapping) else None
    if not isinstance(database, str):
        raise OperatorError(
            "the address answers, but not as Kong's Admin API does: GET / tells of no configuration.database"
        )
    version = tuple(int(number) for number in re.findall(r"\d+", str(root.get("version", "")))[:3])
    if version and version < _OLDEST:
        raise OperatorError(f"the gateway is Kong {root['version']}; 3.0 or later is needed")
    available = (root.get("plugins") or {}).get("available_on_server")
    names = frozenset(available) if isinstance(available, Mapping | list) and available else None
    return Info(version or _OLDEST, database != "off", names)


async def read_state(admin: Admin, wanted: Sequence[Wanted], tag: str) -> State:
    """Services, routes and plugins, all of them; consumers that are wanted or carry the tag, with their credentials;
    and the schemas of the plugins that are wanted.
    """
    info = await read_info(admin)
    services, routes, plugins, consumers = await asyncio.gather(
        admin.all("/services"), admin.all("/routes"), admin.all("/plugins"), _consumers(admin, wanted, tag)
    )
    names = {
        "service": {each["id"]: each.get("name") or each["id"] for each in services},
        "route": {each["id"]: each.get("name") or each["id"] for each in routes},
        "consumer": {each["id"]: each.get("username") or each["id"] for each in consumers},
    }
    kinds: tuple[tuple[Kind, list[dict[str, Any]]], ...] = (
        ("services", services),
        ("routes", routes),
        ("plugins", plugins),
        ("consumers", consumers),
        *await _credentials(admin, consumers),
    )
    found = tuple(to_found(kind, each, names) for kind, entities in kinds for each in entities)
    used = {each.key.name for each in wanted if each.key.kind == "plugins" and each.enabled}
    return State(info, found, await _schemas(admin, used))


def names_by_id(found: Iterable[Found]) -> dict[str, dict[str, str]]:
    """Names by field and id, as references are resolved."""
    names: dict[str, dict[str, str]] = {"service": {}, "route": {}, "consumer": {}}
    for each in found:
        if (field := each.key.kind.removesuffix("s")) in names:
            names[field][each.id] = each.key.name
    return names


def to_found(kind: Kind, entity: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> Found:
    """An entity of the Admin API, with names in place of ids where `names` (by field, then id) has them."""
    refs = {
        field: names.get(field, {}).get(value["id"], str(value["id"]))
        for field in _REFERENCES
        if isinstance(value := entity.get(field), Mapping) and value.get("id")
    }
    body = {name: value for name, value in entity.items() if name not in OWN_FIELDS and name not in _REFERENCES}
    return Found(_key(kind, entity, refs), str(entity["id"]), body, refs)


def _key(kind: Kind, entity: Mapping[str, Any], refs: Mapping[str, str]) -> Key:
    name = str(entity.get("name") or entity["id"])
    match kind:
        case "plugins":
            return Key(kind, name, " and ".join(f"{field} {refs[field]}" for field in _REFERENCES if field in refs))
        case "consumers":
            return Key(kind, str(entity.get("username") or entity["id"]))
        case "jwt":
            return Key(kind, str(entity.get("key") or entity["id"]), refs.get("consumer", ""))
        case "key-auth":
            labels = [tag.removeprefix("key:") for tag in entity.get("tags") or () if tag.startswith("key:")]
            return Key(kind, labels[0] if labels else str(entity["id"]), refs.get("consumer", ""))
        case "oauth2":
            return Key(kind, name, refs.get("consumer", ""))
        case _:
            return Key(kind, name)


async def current(admin: Admin, found: Found, names: Mapping[str, Mapping[str, str]]) -> Found | None:
    """The same entity as it is now; None where it is gone."""
    entity = await admin.find(entity_path(found.key, found.id))
    return to_found(found.key.kind, entity, names) if entity is not None else None


def entity_path(key: Key, id_or_name: str) -> str:
    """Where an entity is in the Admin API."""
    if key.kind in CREDENTIAL_KINDS:
        return path_of("consumers", key.on, key.kind, id_or_name)
    return path_of(key.kind, id_or_name)


async def _consumers(admin: Admin, wanted: Iterable[Wanted], tag: str) -> list[dict[str, Any]]:
    """Not all consumers: there may be a great many, and none of them is ours to look at."""
    try:
        ours = await admin.all("/consumers", f"&tags={quote(tag, safe='')}")
    except Refused as error:
        if error.status != 404:
            raise
        ours = []
    seen = {each.get("username") for each in ours}
    for entity in wanted:
        if entity.key.kind == "consumers" and entity.key.name not in seen:
            there = await admin.find(path_of("consumers", entity.key.name))
            ours += [there] if there is not None else []
    return ours


async def _credentials(admin: Admin, consumers: Iterable[Mapping[str, Any]]) -> list[tuple[Kind, list[dict[str, Any]]]]:
    found: list[tuple[Kind, list[dict[str, Any]]]] = []
    for consumer in consumers:
        for kind in CREDENTIAL_KINDS:
            try:
                found.append((kind, await admin.all(path_of("consumers", consumer["id"], kind))))
            except Refused as error:
                if error.status != 404:  # a gateway without the plugin has no such collection
                    raise
    return found


async def _schemas(admin: Admin, plugins: Iterable[str]) -> dict[str, Sequence[Body]]:
    """The fields of each plugin's settings; under `<plugin>+` the older names that Kong still takes for some."""
    schemas: dict[str, Sequence[Body]] = {}
    for name in sorted(plugins):
        try:
            document = await admin.find(path_of("schemas", "plugins", name))
        except Refused as error:
            if error.status not in (401, 403, 405):  # not allowed to look: what is said is compared all the same
                raise
            continue
        for field in (document or {}).get("fields", ()):
            config = field.get("config") if isinstance(field, Mapping) else None
            if isinstance(config, Mapping) and isinstance(config.get("fields"), list):
                schemas[name] = config["fields"]
                schemas[f"{name}+"] = config.get("shorthand_fields") or ()
    return schemas
