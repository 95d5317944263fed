"""A gateway without a database: its whole configuration is one document, and a new one replaces all of it.

So what others have put there is read first and goes along. The document has Kong's declarative form, flat, with ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from carbon_stream.bootstrap.gateway.admin import Admin, Refused
from carbon_stream.bootstrap.gateway.entities import CREDENTIALS, Key, State, fresh_id, revealed
from carbon_stream.bootstrap.gateway.plan import Plan
from carbon_stream.bootstrap.gateway.read import names_by_id
from carbon_stream.errors import OperatorError

__all__ = ["changed", "composed", "load_whole"]

_CONTROLLER_TAG = "managed-by-ingress-controller"
_NOT_READ = ("upstreams", "certificates", "ca_certificates", "snis", "vaults", "key-sets", "consumer_groups")


async def load_whole(admin: Admin, state: State, plan: Plan) -> None:
    """Gives the gateway its present configuration with the plan's actions in it, in one request.

    OperatorError where something of others would be lost, or would undo it.
    """
    if any(found.has_tag(_CONTROLLER_TAG) for found in state.found):
        raise OperatorError(
            "Kong's ingress controller writes this gateway's configuration and would undo any other: apply the"
            " resources of `carbon-stream bootstrap export gateway --format kubernetes` to the cluster instead"
        )
    document = changed(await _present(admin, state), state, plan)
    await admin.post("/config", {"config": json.dumps(document)})


async def _present(admin: Admin, state: State) -> dict[str, Any]:
    """The configuration that is loaded: as the gateway exports it, else put together from what was read."""
    try:
        answer = await admin.get("/config")
    except Refused as error:
        if error.status not in (400, 404, 405):
            raise
        answer = {}
    text = answer.get("config") if isinstance(answer, Mapping) else None
    try:
        document = yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError:
        raise OperatorError("GET /config answered with what is not YAML; nothing was changed") from None
    if isinstance(document, Mapping):
        return dict(document)
    for collection in _NOT_READ:
        try:
            others = await admin.all(f"/{collection}")
        except Refused as error:
            if error.status not in (404, 405):
                raise
            continue
        if others:
            raise OperatorError(
                f"this gateway does not export its configuration (GET /config), and has {collection}, which a new one"
                " would erase; nothing was changed"
            )
    return composed(state)


def composed(state: State) -> dict[str, Any]:
    """The document of what was found."""
    ids = _ids(state)
    document: dict[str, Any] = {"_format_version": "3.0"}
    for found in state.found:
        entity = {"id": found.id, **found.body, **_references(found.refs, ids)}
        document.setdefault(_list_of(found.key), []).append(entity)
    return document


def changed(document: Mapping[str, Any], state: State, plan: Plan) -> dict[str, Any]:
    """The document after the plan. Pure; entities that no action is about stay as they are."""
    ids = _ids(state)
    taken = frozenset(found.id for found in state.found)
    for action in plan.actions:
        if action.verb == "create":
            made = action.id or fresh_id(action.key, taken)
            ids.setdefault(action.key.kind.removesuffix("s"), {})[action.key.name] = made
    lists: dict[str, Any] = {"_format_version": "3.0", **document}
    for action in plan.actions:
        name = _list_of(action.key)
        id_ = action.id or ids[action.key.kind.removesuffix("s")][action.key.name]
        rest = [entity for entity in lists.get(name) or () if entity.get("id") != id_]
        if action.verb != "delete":
            said = {field: value for field, value in revealed(action.body).items() if value is not None}
            rest.append({**said, "id": id_, **_references(action.refs, ids)})
        lists[name] = rest
    return lists


def _list_of(key: Key) -> str:
    return CREDENTIALS.get(key.kind, key.kind)


def _references(refs: Mapping[str, str], ids: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {field: ids.get(field, {}).get(name, name) for field, name in refs.items()}


def _ids(state: State) -> dict[str, dict[str, str]]:
    return {field: {name: id_ for id_, name in names.items()} for field, names in names_by_id(state.found).items()}
