"""The gateway: the platform's services and routes, ours, plugins."""

from __future__ import annotations

from collections.abc import Iterable

from carbon_stream.bootstrap.gateway.apply import read_plan
from carbon_stream.bootstrap.gateway.entities import Key
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.plan import Plan
from carbon_stream.bootstrap.gateway.show import describe, told
from carbon_stream.bootstrap.verify.check import Check, judged, unknown
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["check_gateway", "judge_gateway"]

_AREA = "gateway"
_LOOK = "carbon-stream bootstrap plan gateway"
_PLATFORM = "platform"


async def check_gateway(settings: Settings, gateway: Gateway) -> list[Check]:
    """Asks the Admin API."""
    try:
        return judge_gateway(gateway, await read_plan(settings, gateway))
    except OperatorError as error:
        named = [*((name, expected) for name, expected, _ in _groups(gateway)), ("plugins", "all")]
        return [unknown(_AREA, name, expected, _LOOK, str(error)) for name, expected in named]


def judge_gateway(gateway: Gateway, plan: Plan) -> list[Check]:
    """The checks, from the plan: what it leaves is as it should be."""
    checks = []
    pending = {action.key: action for action in plan.actions}
    for name, expected, keys in _groups(gateway):
        good = sum(key in plan.left for key in keys)
        details = [line for key in keys if key in pending for line in (describe(pending[key]), *told(pending[key])[:5])]
        checks.append(judged(_AREA, name, expected, f"{good} as they should be", _LOOK, details))
    plugins = [key for key in (*plan.left, *pending) if key.kind == "plugins"]
    wrong = [key for key in plugins if key in pending]
    seen = f"{len(plugins) - len(wrong)} of {len(plugins)} as they should be"
    details = [line for key in wrong for line in (describe(pending[key]), *told(pending[key])[:5])]
    return [*checks, judged(_AREA, "plugins", "all", seen, _LOOK, details)]


def _groups(gateway: Gateway) -> Iterable[tuple[str, str, list[Key]]]:
    platform = {name: each for name, each in gateway.services.items() if each.group == _PLATFORM}
    own = {name: each for name, each in gateway.services.items() if each.group != _PLATFORM}
    routes = [Key("routes", name) for name, each in platform.items() if each.route is not None]
    yield "platform services", str(len(platform)), [Key("services", name) for name in platform]
    yield "platform routes", str(len(routes)), routes
    ours = [Key("services", name) for name in own]
    ours += [Key("routes", name) for name, each in own.items() if each.route is not None]
    yield "own services and routes", str(len(ours)), ours
