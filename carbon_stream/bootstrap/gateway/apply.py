"""Taking the actions of a plan, one request each: again and again with the same end, and no further than it is sure.

Before each action the entity is read once more: when it is no longer what the plan was made on, somebody else is at
work, and the run stops (or goes on, where the other has brought the same about).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from carbon_stream.bootstrap.gateway.admin import Admin, Patience, connected, path_of
from carbon_stream.bootstrap.gateway.comparing import differences
from carbon_stream.bootstrap.gateway.dbless import load_whole
from carbon_stream.bootstrap.gateway.desired import wanted_entities
from carbon_stream.bootstrap.gateway.entities import CREDENTIAL_KINDS, State, Wanted, revealed
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.plan import Action, Plan, make_plan
from carbon_stream.bootstrap.gateway.read import current, entity_path, names_by_id, read_state
from carbon_stream.bootstrap.gateway.secrets import Redactor, from_folder
from carbon_stream.bootstrap.gateway.show import WORDS, describe, told
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["Stopped", "apply", "read_plan"]

Say = Callable[[str], None]


class Stopped(OperatorError):
    """The run ended before its end: `plan`, what of it is `done` and `undone`, and `why`.

    Nothing is half done: each action is one request, which Kong takes whole or not at all.
    """

    def __init__(self, plan: Plan, done: Sequence[Action], undone: Sequence[Action], why: str) -> None:
        self.plan = plan
        self.done = tuple(done)
        self.undone = tuple(undone)
        self.why = why
        super().__init__(WORDS.stopped_text(self.done, self.undone, why))


def _silent(line: str) -> None:
    """Says nothing."""


class _Run:
    """One connection, what is wanted, and the rules of this run."""

    def __init__(self, admin: Admin, wanted: Sequence[Wanted], tag: str, prune: bool) -> None:
        self.admin = admin
        self._wanted = wanted
        self._tag = tag
        self._prune = prune

    async def plan(self) -> tuple[State, Plan]:
        state = await read_state(self.admin, self._wanted, self._tag)
        return state, make_plan(self._wanted, state, tag=self._tag, prune=self._prune)


async def _begin(
    stack: AsyncExitStack, settings: Settings, gateway: Gateway, prune: bool, patience: Patience | None
) -> _Run:
    redact = Redactor()
    resolve = from_folder(settings.kong_secrets_dir)
    wanted = wanted_entities(gateway, lambda ref: redact.learned(resolve(ref)))
    admin = await stack.enter_async_context(connected(settings, redact, patience))
    return _Run(admin, wanted, gateway.tag, prune)


async def read_plan(
    settings: Settings, gateway: Gateway, *, prune: bool = False, patience: Patience | None = None
) -> Plan:
    """What would change. Changes nothing. OperatorError when the gateway cannot be asked."""
    async with AsyncExitStack() as stack:
        run = await _begin(stack, settings, gateway, prune, patience)
        return (await run.plan())[1]


async def apply(
    settings: Settings,
    gateway: Gateway,
    *,
    prune: bool = False,
    say: Say = _silent,
    patience: Patience | None = None,
) -> Plan:
    """Takes all actions, reads again, and returns the plan that was taken. Stopped where it did not come to the end."""
    async with AsyncExitStack() as stack:
        run = await _begin(stack, settings, gateway, prune, patience)
        state, plan = await run.plan()
        if plan.clean:
            return plan
        if state.info.has_database:
            await _take_all(run.admin, state, plan, say)
        else:
            await _take_at_once(run, state, plan, say)
        try:
            left = (await run.plan())[1]
        except OperatorError as error:
            raise Stopped(plan, plan.actions, (), f"all was done, but not looked at again: {error}") from error
    if not left.clean:
        why = "all was done, and yet the gateway differs: somebody else changes it, or Kong keeps a value of its own: "
        why += "; ".join(line for action in left.actions[:5] for line in (describe(action), *told(action)))
        raise Stopped(plan, plan.actions, left.actions, why)
    return plan


async def _take_all(admin: Admin, state: State, plan: Plan, say: Say) -> None:
    ids = {field: {name: id_ for id_, name in names.items()} for field, names in names_by_id(state.found).items()}
    names = names_by_id(state.found)
    for place, action in enumerate(plan.actions):
        try:
            if await _still_to_do(admin, action, names):
                answer = await _take(admin, action, ids)
                field = action.key.kind.removesuffix("s")
                if action.verb == "create" and field in ids:
                    ids[field][action.key.name] = str(answer.get("id") or action.key.name)
                    names[field][ids[field][action.key.name]] = action.key.name
        except OperatorError as error:
            raise Stopped(plan, plan.actions[:place], plan.actions[place:], str(error)) from error
        say(f"[{place + 1}/{len(plan.actions)}] {describe(action)}")


async def _still_to_do(admin: Admin, action: Action, names: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether the entity is as the plan saw it. OperatorError when somebody else has changed it to something else."""
    if action.found is not None:
        now = await current(admin, action.found, names)
        if now is None and action.verb == "delete":
            return False
        if now is not None and (now.body, now.refs) == (action.found.body, action.found.refs):
            return True
        what = "deleted" if now is None else "changed"
    else:
        entity = await admin.find(entity_path(action.key, action.id or action.key.name))
        if entity is None:
            return True
        if not list(differences(action.body, entity)):
            return False
        what = "made, and otherwise,"
    raise OperatorError(f"{action.key} was {what} by somebody else since the plan was made")


async def _take(admin: Admin, action: Action, ids: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    key = action.key
    if action.verb == "delete":
        await admin.delete(entity_path(key, str(action.id)))
        return {}
    body = revealed(action.body)
    references = {field: {"id": ids.get(field, {}).get(name, name)} for field, name in action.refs.items()}
    if key.kind in CREDENTIAL_KINDS:
        return await admin.put(path_of("consumers", key.on, key.kind, str(action.id)), body)
    return await admin.put(entity_path(key, action.id or key.name), {**body, **references})


async def _take_at_once(run: _Run, state: State, plan: Plan, say: Say) -> None:
    """A gateway without a database takes one whole configuration, or none of it."""
    try:
        if (await run.plan())[1] != plan:
            raise OperatorError("the gateway was changed by somebody else since the plan was made")
        await load_whole(run.admin, state, plan)
    except OperatorError as error:
        raise Stopped(plan, (), plan.actions, str(error)) from error
    for place, action in enumerate(plan.actions):
        say(f"[{place + 1}/{len(plan.actions)}] {describe(action)}")
