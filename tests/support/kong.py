"""A double of Kong: small, strict, in memory. `kong_server` puts it on a free port as an Admin API.

It is a double because no Kong gateway can be had from package registries. It does what Kong 3 is documented to do
where bootstrap depends on it: PUT by name or id creates or replaces, PATCH merges (lists of a plugin's settings by
position), pages with `offset`, filters by tags, fills in defaults, answers 400 with `fields` and `code` to what it does
not know or cannot refer to, 404, 409 where something unique is taken, deletes plugins with their service or route,
refuses to delete a service that has routes; without a database it takes POST /config only, whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.kong_schemas import SCHEMAS, filled, unknown

Entity = dict[str, Any]
Fault = Callable[[str, str, int], int | None]
"""Method, path and the number of the write so far (from 1; 0 for reads): a status to answer, 0 for none, None for no
fault. A status above 1000 does the work first and loses the answer (1000 + status)."""

_SERVICE: Entity = {
    "name": None, "protocol": "http", "host": None, "port": 80, "path": None, "retries": 5, "connect_timeout": 60_000,
    "read_timeout": 60_000, "write_timeout": 60_000, "tags": None, "client_certificate": None, "tls_verify": None,
    "tls_verify_depth": None, "ca_certificates": None, "enabled": True,
}  # fmt: skip
_ROUTE: Entity = {
    "name": None, "protocols": ["http", "https"], "methods": None, "hosts": None, "paths": None, "headers": None,
    "https_redirect_status_code": 426, "regex_priority": 0, "strip_path": True, "path_handling": "v0",
    "preserve_host": False, "request_buffering": True, "response_buffering": True, "snis": None, "sources": None,
    "destinations": None, "tags": None, "service": None,
}  # fmt: skip
_PLUGIN: Entity = {
    "name": None, "instance_name": None, "config": None, "enabled": True,
    "protocols": ["grpc", "grpcs", "http", "https"], "tags": None, "service": None, "route": None, "consumer": None,
    "consumer_group": None,
}  # fmt: skip
_CONSUMER: Entity = {"username": None, "custom_id": None, "tags": None}
_JWT: Entity = {
    "key": None,
    "algorithm": "HS256",
    "rsa_public_key": None,
    "secret": None,
    "tags": None,
    "consumer": None,
}
_KEY: Entity = {"key": None, "ttl": None, "tags": None, "consumer": None}
_OAUTH2: Entity = {
    "name": None, "client_id": None, "client_secret": None, "redirect_uris": None, "hash_secret": False,
    "client_type": "confidential", "tags": None, "consumer": None,
}  # fmt: skip
FIELDS = {
    "services": _SERVICE, "routes": _ROUTE, "plugins": _PLUGIN, "consumers": _CONSUMER, "jwt": _JWT, "key-auth": _KEY,
    "oauth2": _OAUTH2,
}  # fmt: skip
NAMED_BY = {"services": "name", "routes": "name", "consumers": "username", "jwt": "key", "key-auth": "key"}
UNIQUE = {
    "services": ("name",), "routes": ("name",), "consumers": ("username", "custom_id"), "jwt": ("key",),
    "key-auth": ("key",), "oauth2": ("client_id",), "plugins": (),
}  # fmt: skip
DECLARED = {"jwt_secrets": "jwt", "keyauth_credentials": "key-auth", "oauth2_credentials": "oauth2"}
REFERENCES = {"service": "services", "route": "routes", "consumer": "consumers"}


class Complaint(Exception):
    """An answer of an error status, in Kong's form."""

    def __init__(self, status: int, message: str, name: str = "", code: int = 0, fields: Entity | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Entity = {"message": message}
        if name:
            self.body |= {"name": name, "code": code, "fields": fields or {}}


def _invalid(fields: Entity) -> Complaint:
    told = json.dumps(fields)
    return Complaint(400, f"schema violation ({told})", "schema violation", 2, fields)


@dataclass
class Kong:
    """The gateway's entities by collection and id, what it was asked, and the faults it is to have."""

    database: str = "postgres"
    version: str = "3.6.1"
    token: str | None = None
    page: int = 100
    plugins: frozenset[str] = frozenset(SCHEMAS)
    shows_schemas: bool = True
    entities: dict[str, dict[str, Entity]] = field(default_factory=lambda: {kind: {} for kind in FIELDS})
    others: dict[str, list[Entity]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, Entity]] = field(default_factory=list)
    fault: Fault | None = None
    on_write: Callable[[int], None] | None = None
    url: str = ""
    writes: int = 0

    # What the tests do by hand.
    def add(self, kind: str, entity: Entity, id: str | None = None) -> Entity:
        """An entity made by somebody else; the whole of it."""
        return self._keep(kind, id or str(uuid.uuid4()), entity)

    def named(self, kind: str, name: str) -> Entity:
        """The one entity of a name."""
        (found,) = [each for each in self.entities[kind].values() if name in (each.get("name"), each.get("username"))]
        return found

    def plugin(self, name: str, service: str | None = None) -> Entity:
        """A plugin of the whole gateway, or on a service."""
        place = {"id": self.named("services", service)["id"]} if service else None
        (found,) = [e for e in self.entities["plugins"].values() if e["name"] == name and e["service"] == place]
        return found

    def content(self) -> dict[str, dict[str, Entity]]:
        """All entities without their times: what a run must leave as it is."""
        return {
            kind: {
                number: {k: v for k, v in each.items() if k not in ("created_at", "updated_at")}
                for number, each in every.items()
            }
            for kind, every in self.entities.items()
        }

    @property
    def config_hash(self) -> str:
        return hashlib.md5(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()

    # What Kong does.
    def _keep(self, kind: str, id: str, said: Entity) -> Entity:
        said = {name: value for name, value in said.items() if name not in ("id", "created_at", "updated_at")}
        if strange := {name: "unknown field" for name in said if name not in FIELDS[kind]}:
            raise _invalid(strange)
        entity = {**FIELDS[kind], **said}
        self._check(kind, entity)
        for name, collection in REFERENCES.items():
            ref = entity.get(name)
            if ref is not None and (set(ref) != {"id"} or ref["id"] not in self.entities[collection]):
                told = f"the foreign key '{json.dumps(ref)}' does not reference an existing '{collection}' entity."
                raise Complaint(400, told, "foreign key violation", 4, {name: ref})
        self._refuse_double(kind, id, entity)
        before = self.entities[kind].get(id)
        now = int(time.time())
        times = {"created_at": before["created_at"] if before else now, "updated_at": now}
        self.entities[kind][id] = {"id": id, **entity, **times}
        return self.entities[kind][id]

    def _check(self, kind: str, entity: Entity) -> None:
        if kind == "services" and not entity["host"]:
            raise _invalid({"host": "required field missing"})
        if kind == "services" and not 0 <= entity["port"] <= 65_535:
            raise _invalid({"port": "value should be between 0 and 65535"})
        if kind == "routes" and not (entity["paths"] or entity["hosts"] or entity["methods"] or entity["headers"]):
            raise _invalid(
                {"@entity": ["must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http'"]}
            )
        if kind == "routes" and any(not path.startswith(("/", "~/")) for path in entity["paths"] or ()):
            raise _invalid({"paths": ["should start with: / (fixed path) or ~/ (regex path)"]})
        if kind == "consumers" and not (entity["username"] or entity["custom_id"]):
            raise _invalid({"@entity": ["at least one of these fields must be non-empty: 'custom_id', 'username'"]})
        is_rsa = kind == "jwt" and entity["algorithm"].startswith("RS")
        if is_rsa and "-----BEGIN PUBLIC KEY-----" not in (entity["rsa_public_key"] or ""):
            raise _invalid({"rsa_public_key": "invalid key"})
        if kind == "plugins":
            if entity["name"] not in self.plugins:
                raise _invalid(
                    {"name": f"plugin '{entity['name']}' not enabled; add it to the 'plugins' configuration property"}
                )
            schema = SCHEMAS[entity["name"]]
            if problems := unknown(schema, entity["config"] or {}):
                raise _invalid({"config": problems})
            entity["config"] = filled(schema, entity["config"] or {})

    def _refuse_double(self, kind: str, id: str, entity: Entity) -> None:
        for other in self.entities[kind].values():
            if other["id"] == id:
                continue
            taken = {
                name: entity[name] for name in UNIQUE[kind] if entity[name] is not None and entity[name] == other[name]
            }
            if kind == "plugins":
                place = ("name", "service", "route", "consumer", "consumer_group")
                taken = {n: entity[n] for n in place} if all(entity[n] == other[n] for n in place) else {}
            if taken:
                shown = ",".join(f'{name}="{value}"' for name, value in taken.items())
                told = f"UNIQUE violation detected on '{{{shown}}}'"
                raise Complaint(409, told, "unique constraint violation", 5, taken)

    def find(self, kind: str, id_or_name: str) -> Entity | None:
        if (there := self.entities[kind].get(id_or_name)) is not None:
            return there
        by = NAMED_BY.get(kind, "id")
        return next((each for each in self.entities[kind].values() if each.get(by) == id_or_name), None)

    def put(self, kind: str, id_or_name: str, body: Entity) -> Entity:
        there = self.find(kind, id_or_name)
        try:
            return self._keep(kind, str(uuid.UUID(id_or_name)), body)
        except ValueError:
            if kind not in NAMED_BY:
                raise Complaint(404, "Not found") from None
        return self._keep(kind, there["id"] if there else str(uuid.uuid4()), {NAMED_BY[kind]: id_or_name, **body})

    def patch(self, kind: str, id_or_name: str, body: Entity) -> Entity:
        there = self.find(kind, id_or_name)
        if there is None:
            raise Complaint(404, "Not found")
        merged = {**there, **body}
        if kind == "plugins" and "config" in body:
            merged["config"] = _by_position(there["config"], body["config"])
        return self._keep(kind, there["id"], merged)

    def delete(self, kind: str, id_or_name: str) -> None:
        there = self.find(kind, id_or_name)
        if there is None:
            return
        place = {"id": there["id"]}
        if kind == "services" and any(route["service"] == place for route in self.entities["routes"].values()):
            told = "an existing 'routes' entity references this 'services' entity"
            raise Complaint(400, told, "foreign key violation", 4, {"@referenced_by": "routes"})
        del self.entities[kind][there["id"]]
        for below in ("plugins", "jwt", "key-auth", "oauth2"):
            every = self.entities[below]
            self.entities[below] = {
                number: e for number, e in every.items() if place not in (e.get(n) for n in REFERENCES)
            }

    def load(self, document: Entity) -> None:
        """A whole declarative configuration in place of all there is; nothing changes when a part of it is wrong."""
        before = self.entities
        self.entities = {kind: {} for kind in FIELDS}
        others: dict[str, list[Entity]] = {}
        try:
            if document.get("_format_version") not in ("1.1", "2.1", "3.0"):
                raise _invalid({"_format_version": "expected one of: 1.1, 2.1, 3.0"})
            for listed in sorted((name for name in document if not name.startswith("_")), key=_loading_order):
                kind = DECLARED.get(listed, listed)
                if kind not in FIELDS:
                    others[listed] = document[listed]
                    continue
                for entity in document[listed]:
                    refs = {name: {"id": entity[name]} for name in REFERENCES if entity.get(name) is not None}
                    self._keep(kind, entity.get("id") or str(uuid.uuid4()), {**entity, **refs})
        except Complaint as complaint:
            self.entities = before
            complaint.body |= {"name": "invalid declarative configuration", "code": 14}
            complaint.status = 400
            raise
        self.others = others

    def exported(self) -> Entity:
        document: Entity = {"_format_version": "3.0", "_transform": False, **self.others}
        listed = {kind: name for name, kind in DECLARED.items()}
        for kind, every in self.entities.items():
            flat = [{**e, **{n: e[n]["id"] for n in REFERENCES if e.get(n)}} for e in every.values()]
            if flat:
                document[listed.get(kind, kind)] = flat
        return document


def _loading_order(listed: str) -> int:
    """What others refer to comes first."""
    order = ["consumers", "services", "routes", *FIELDS]
    kind = DECLARED.get(listed, listed)
    return order.index(kind) if kind in order else len(order)


def _by_position(one: Any, other: Any) -> Any:
    """Kong's deep merge, which takes a list for a table of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{name: _by_position(one.get(name), value) for name, value in other.items()}}
    if isinstance(one, list) and isinstance(other, list):
        return [*other, *one[len(other) :]]
    return other
