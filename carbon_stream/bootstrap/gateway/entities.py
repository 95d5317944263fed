"""Kong's entities as plain data: what is wanted, and what was found. Names stand for references on both sides."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pydantic import SecretStr

__all__ = [
    "CREDENTIALS",
    "CREDENTIAL_KINDS",
    "GUARDS",
    "OWN_FIELDS",
    "Body",
    "Found",
    "Info",
    "Key",
    "Kind",
    "State",
    "Wanted",
    "fresh_id",
    "revealed",
]

Kind = Literal["consumers", "jwt", "key-auth", "oauth2", "services", "routes", "plugins"]
Body = Mapping[str, Any]
CREDENTIAL_KINDS: tuple[Kind, ...] = ("jwt", "key-auth", "oauth2")
"""Below /consumers/<consumer>/ in the Admin API."""
CREDENTIALS: Mapping[Kind, str] = MappingProxyType(
    {"jwt": "jwt_secrets", "key-auth": "keyauth_credentials", "oauth2": "oauth2_credentials"}
)
"""What Kong calls them in a declarative configuration."""
GUARDS = frozenset({"jwt", "oauth2", "key-auth", "ip-restriction"})
"""Plugins that keep requests out: they must be there before what they guard."""
OWN_FIELDS = frozenset({"id", "created_at", "updated_at", "ws_id"})
"""Fields that Kong fills in by itself."""
_NAMESPACE = uuid.UUID("5f0c8f0e-6a3c-5b6e-9d4b-6f6c2b0a7d11")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which entity: its kind, its name, and what it is on: for a plugin `service trino` or the like, empty for the
    whole gateway; for a credential its consumer's name.
    """

    kind: Kind
    name: str
    on: str = ""

    def __str__(self) -> str:
        singular = {"consumers": "consumer", "services": "service", "routes": "route", "plugins": "plugin"}
        where = f" on {self.on}" if self.on and self.kind == "plugins" else f" of {self.on}" if self.on else ""
        return f"{singular.get(self.kind, self.kind)} {self.name}{where}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entity as it should be. `refs` are names by field (`service`, `consumer`); secrets in `body` are SecretStr.

    With `enabled` false it is wanted switched off where it is there and ours, and not wanted where it is not.
    """

    key: Key
    body: Body
    refs: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """An entity that is there. `body` has neither references nor what Kong fills in by itself."""

    key: Key
    id: str
    body: Body
    refs: Mapping[str, str] = field(default_factory=dict)

    def has_tag(self, tag: str) -> bool:
        """Whether it carries a tag."""
        return tag in (self.body.get("tags") or ())


@dataclass(frozen=True, slots=True)
class Info:
    """What kind of gateway answers. `plugins` are those it can run; None where it does not say."""

    version: tuple[int, ...]
    has_database: bool
    plugins: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that was read. `schemas` are the fields of the plugins' settings, in Kong's own form, where it shows them."""

    info: Info
    found: tuple[Found, ...] = ()
    schemas: Mapping[str, Sequence[Body]] = field(default_factory=dict)


def fresh_id(key: Key, taken: frozenset[str]) -> str:
    """An id for a new entity, the same at every try: a repeat after a lost answer makes nothing twice."""
    salt = 0
    while True:
        made = str(uuid.uuid5(_NAMESPACE, f"{key.kind}/{key.name}/{key.on}/{salt}"))
        if made not in taken:
            return made
        salt += 1


def revealed(value: Any) -> Any:
    """The same with secrets in clear: only for the wire, and for comparing."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(item) for item in value]
    return value
