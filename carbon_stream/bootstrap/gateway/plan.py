"""From what was found to what is wanted: pure. A plan is actions in the order in which they are taken.

The order never cuts traffic and never opens a door: who may call comes first, then services, then what keeps requests
out (`GUARDS`), then routes, then the other plugins; what is taken away comes last, routes before all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from carbon_stream.bootstrap.gateway.comparing import (
    Difference,
    config_differences,
    differences,
    kept_by_kong,
    unknown_settings,
)
from carbon_stream.bootstrap.gateway.entities import GUARDS, Body, Found, Key, State, Wanted, fresh_id
from carbon_stream.errors import OperatorError

__all__ = ["Action", "Plan", "make_plan"]

_WRITE_ORDER = ("consumers", "jwt", "key-auth", "oauth2", "services", "guards", "routes", "plugins")
_DELETE_ORDER = ("routes", "plugins", "guards", "services", "jwt", "key-auth", "oauth2", "consumers")


@dataclass(frozen=True, slots=True)
class Action:
    """One request. `body` is the whole entity as it is sent (secrets still wrapped), `refs` its references by name.

    `id` is the entity's, for a new plugin or credential the one it gets, and None for what is made by name. `found` is
    what the plan was made on.
    """

    verb: Literal["create", "change", "delete"]
    key: Key
    id: str | None
    body: Body
    refs: Mapping[str, str]
    changes: tuple[Difference, ...] = ()
    found: Found | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`left` is as it should be, `stale` is ours and no longer wanted (`--prune` deletes it), `foreign` is not ours."""

    actions: tuple[Action, ...]
    left: tuple[Key, ...]
    stale: tuple[Key, ...]
    foreign: tuple[Key, ...]
    notes: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether there is nothing to do."""
        return not self.actions


def make_plan(wanted: Sequence[Wanted], state: State, *, tag: str, prune: bool = False) -> Plan:
    """The plan for `wanted` on `state`. OperatorError where this gateway cannot become what is wanted."""
    wanted = [_fitting(entity, state) for entity in wanted]
    _refuse_impossible(wanted, state)
    matches = _match(wanted, state.found, tag)
    taken = frozenset(found.id for found in state.found)
    actions: list[Action] = []
    left: list[Key] = []
    for entity in wanted:
        found = matches.get(entity.key)
        action = _action(entity, found, state, taken)
        if action is not None:
            actions.append(action)
            taken |= {action.id} if action.id else frozenset()
        elif found is not None:
            left.append(entity.key)
    actions.sort(key=lambda action: _WRITE_ORDER.index(_rank(action.key)))
    spare = [found for found in state.found if found.id not in {match.id for match in matches.values()}]
    stale = [found for found in spare if found.has_tag(tag)]
    foreign = tuple(sorted(found.key for found in spare if not found.has_tag(tag)))
    removable, notes = _removable(stale, spare, tag)
    if prune:
        actions += _deletions(removable)
    kept = stale if not prune else [found for found in stale if found not in removable]
    return Plan(tuple(actions), tuple(left), tuple(sorted(found.key for found in kept)), foreign, tuple(notes))


def _fitting(entity: Wanted, state: State) -> Wanted:
    """The entity in this version's words: Kong before 3.3 had http-log's queue as three settings of its own."""
    config = entity.body.get("config", {})
    if entity.key.kind != "plugins" or entity.key.name != "http-log" or "queue" not in config:
        return entity
    if state.info.version >= (3, 3):
        return entity
    queue = config["queue"]
    older = {name: value for name, value in config.items() if name != "queue"}
    older |= {"queue_size": queue.get("max_batch_size", 1), "flush_timeout": queue.get("max_coalescing_delay", 1)}
    return replace(entity, body={**entity.body, "config": older})


def _refuse_impossible(wanted: Sequence[Wanted], state: State) -> None:
    problems = []
    for entity in wanted:
        if entity.key.kind != "plugins" or not entity.enabled:
            continue
        name, fields = entity.key.name, state.schemas.get(entity.key.name)
        config = entity.body["config"]
        if state.info.plugins is not None and name not in state.info.plugins:
            problems.append(f"{entity.key}: this gateway does not run the plugin {name}")
        elif name == "oauth2" and not state.info.has_database:
            problems.append(f"{entity.key}: oauth2 keeps tokens in a database, and this gateway has none")
        elif name == "rate-limiting" and config.get("policy") == "cluster" and not state.info.has_database:
            problems.append(f"{entity.key}: policy cluster needs a database, and this gateway has none")
        elif fields is not None and (unknown := unknown_settings(fields, state.schemas.get(f"{name}+", ()), config)):
            problems.append(f"{entity.key}: this gateway's {name} has no {', '.join(sorted(set(unknown)))}")
    if problems:
        shown = "\n  ".join(dict.fromkeys(problems))
        raise OperatorError(f"this gateway cannot become what is wanted; nothing was changed:\n  {shown}")


def _match(wanted: Sequence[Wanted], found: Sequence[Found], tag: str) -> dict[Key, Found]:
    """What was found for each wanted entity: by name, else by the id that we would have given it (moved by hand)."""
    by_key = {each.key: each for each in found}
    matches = {
        entity.key: there
        for entity in wanted
        if (there := by_key.get(entity.key)) is not None and (entity.enabled or there.has_tag(tag))
    }
    used = {each.id for each in matches.values()}
    by_id = {each.id: each for each in found if each.id not in used}
    for entity in wanted:
        if entity.key in matches or not entity.enabled or entity.key.kind in ("services", "routes", "consumers"):
            continue
        there = by_id.pop(fresh_id(entity.key, frozenset()), None)
        if (
            there is not None
            and there.key.kind == entity.key.kind
            and there.body.get("name") == entity.body.get("name")
        ):
            matches[entity.key] = there
    return matches


def _action(entity: Wanted, found: Found | None, state: State, taken: frozenset[str]) -> Action | None:
    if found is None:
        if not entity.enabled:
            return None
        named = entity.key.kind in ("services", "routes", "consumers")
        return Action("create", entity.key, None if named else fresh_id(entity.key, taken), entity.body, entity.refs)
    if not entity.enabled:
        if found.body.get("enabled") is False:
            return None
        off = (Difference("enabled", True, False),)
        return Action("change", entity.key, found.id, {**found.body, "enabled": False}, found.refs, off, found)
    changes = tuple(_changes(entity, found, state))
    if not changes:
        return None
    return Action("change", entity.key, found.id, _whole(entity, found, state), entity.refs, changes, found)


def _changes(entity: Wanted, found: Found, state: State) -> Iterator[Difference]:
    for name in sorted({*entity.refs, *found.refs}):
        if entity.refs.get(name) != found.refs.get(name):
            yield Difference(name, found.refs.get(name), entity.refs.get(name))
    plain = {name: value for name, value in entity.body.items() if name != "config"}
    yield from differences(plain, found.body)
    if "config" in entity.body:
        fields = state.schemas.get(entity.key.name)
        yield from config_differences(fields, entity.body["config"], found.body.get("config") or {})


def _whole(entity: Wanted, found: Found, state: State) -> dict[str, Any]:
    """The body of a PUT, which replaces all: what is wanted, fields that we know nothing of as they are, more tags.

    A PATCH would not do: Kong merges lists of a plugin's settings by position, and the tail of a longer one stays.
    """
    body: dict[str, Any] = {**found.body, **entity.body}
    tags = found.body.get("tags") or []
    body["tags"] = [*tags, *(tag for tag in entity.body.get("tags", ()) if tag not in tags)]
    if "config" in entity.body:
        fields, there = state.schemas.get(entity.key.name), found.body.get("config") or {}
        kept = kept_by_kong(fields, there) if fields is not None else there
        body["config"] = _over(kept, entity.body["config"])
    return body


def _over(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    both = {**kept, **wanted}
    for name, value in wanted.items():
        there = kept.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            both[name] = _over(there, value)
    return both


def _rank(key: Key) -> str:
    return "guards" if key.kind == "plugins" and key.name in GUARDS else key.kind


def _removable(stale: Sequence[Found], spare: Iterable[Found], tag: str) -> tuple[list[Found], list[str]]:
    """What can go without taking somebody else's along: Kong deletes the plugins of a service or route with it, and
    the credentials of a consumer, and refuses to delete a service that has routes.
    """
    staying = [other for other in spare if not other.has_tag(tag)]
    removable = list(stale)
    notes: list[str] = []
    while True:
        holders = {(f"{field}s", name): other for other in staying for field, name in other.refs.items()}
        held = [found for found in removable if (found.key.kind, found.key.name) in holders]
        if not held:
            return removable, notes
        for found in held:
            holder = holders[found.key.kind, found.key.name]
            notes.append(f"{found.key} is ours and no longer wanted, and stays: {holder.key} is on it")
        removable = [found for found in removable if found not in held]
        staying += held


def _deletions(stale: Iterable[Found]) -> list[Action]:
    ordered = sorted(stale, key=lambda found: (_DELETE_ORDER.index(_rank(found.key)), found.key))
    return [Action("delete", found.key, found.id, {}, {}, (), found) for found in ordered]
