"""The desired state as a decK file. Secrets are asked of the environment of whoever runs decK, as decK has it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import SecretStr

from carbon_stream.bootstrap.gateway.desired import wanted_entities
from carbon_stream.bootstrap.gateway.entities import CREDENTIALS, Kind, Wanted, revealed
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.secrets import masked_references

__all__ = ["deck_document", "deck_text"]

_BLOCK_INDENT = 6
"""Columns before a multi-line value of a consumer's credential, in the text as it is written here."""


class _Block(str):
    """A text that may have several lines once decK has filled it in."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: they make a file harder to read and to lay over."""
        return True


_Dumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


def deck_document(gateway: Gateway) -> dict[str, Any]:
    """Services with their routes and plugins, global plugins, consumers; what is switched off is left out.

    `select_tags` keeps decK from deleting what is not ours.
    """
    wanted = [entity for entity in wanted_entities(gateway, masked_references) if entity.enabled]
    services = [
        {
            **_body(service),
            "routes": [_body(route) for route in _on(wanted, "routes", "service", service.key.name)],
            "plugins": [_body(plugin) for plugin in _on(wanted, "plugins", "service", service.key.name)],
        }
        for service in _of(wanted, "services")
    ]
    consumers = [
        {
            **_body(consumer),
            **{
                listed: [_credential(each) for each in found]
                for kind, listed in CREDENTIALS.items()
                if (found := _on(wanted, kind, "consumer", consumer.key.name))
            },
        }
        for consumer in _of(wanted, "consumers")
    ]
    return {
        "_format_version": "3.0",
        "_info": {"select_tags": [gateway.tag]},
        "services": [_without_empty(service) for service in services],
        "plugins": [_body(plugin) for plugin in _of(wanted, "plugins") if not plugin.refs],
        **({"consumers": consumers} if consumers else {}),
    }


def deck_text(gateway: Gateway) -> str:
    """The file's text."""
    head = "# For decK (deck gateway diff, sync). Made by `carbon-stream bootstrap export gateway`; do not edit.\n"
    return head + yaml.dump(deck_document(gateway), Dumper=_Dumper, sort_keys=False, width=120)


def _of(wanted: Sequence[Wanted], kind: Kind) -> list[Wanted]:
    return [entity for entity in wanted if entity.key.kind == kind]


def _on(wanted: Sequence[Wanted], kind: Kind, field: str, name: str) -> list[Wanted]:
    return [entity for entity in _of(wanted, kind) if entity.refs.get(field) == name]


def _body(entity: Wanted) -> dict[str, Any]:
    config = {"config": _asked(entity.body["config"])} if "config" in entity.body else {}
    return _without_empty({**revealed(entity.body), **config})


def _asked(value: Any) -> Any:
    """A plugin's settings, with secrets asked of the environment."""
    if isinstance(value, Mapping):
        return {name: _asked(item) for name, item in value.items()}
    return f'${{{{ env "{_variable(value)}" }}}}' if isinstance(value, SecretStr) else value


def _variable(secret: SecretStr) -> str:
    return "DECK_" + re.sub(r"[^A-Z0-9]+", "_", secret.get_secret_value().upper())


def _without_empty(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, [])}


def _credential(entity: Wanted) -> dict[str, Any]:
    body = _body(entity)
    for name, value in entity.body.items():
        if isinstance(value, SecretStr):
            variable = _variable(value)
            text = f'${{{{ env "{variable}" | indent {_BLOCK_INDENT} }}}}'
            body[name] = _Block(text) if name == "rsa_public_key" else f'${{{{ env "{variable}" }}}}'
    return body
