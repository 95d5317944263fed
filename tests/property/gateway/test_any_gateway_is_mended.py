"""From any state of the gateway one apply reaches the desired state, a second plan is empty, and others' things stay.

Over HTTP against the double: what is tried is the planner, the client and the order of requests together.
"""

import asyncio
import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbon_stream.bootstrap.gateway.admin import Patience
from carbon_stream.bootstrap.gateway.apply import apply, read_plan
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import load_gateway
from carbon_stream.settings import Settings
from tests.support.kong import Complaint, Kong
from tests.support.kong_server import serving

GATEWAY = load_gateway()
SERVICES = [*GATEWAY.services]
PATIENCE = Patience(tries=2, first_wait_s=0.001, timeout_s=10)


def small(gateway: Gateway) -> Gateway:
    """Three services and every plugin that is on: as telling as eleven, and quicker."""
    keep = {name: gateway.services[name] for name in ("trino", "superset", "carbon-stream")}
    plugins = {
        name: plugin.model_copy(update={"services": {s: c for s, c in plugin.services.items() if s in keep}})
        for name, plugin in gateway.plugins.items()
    }
    return gateway.model_copy(update={"services": keep, "plugins": plugins})


SMALL = small(GATEWAY)


def whole() -> Kong:
    """A double that is as wanted."""

    async def make() -> Kong:
        async with serving(Kong()) as kong:
            await apply(Settings(kong_admin_url=kong.url), SMALL, patience=PATIENCE)
            return kong

    return asyncio.run(make())


WHOLE = whole().entities
VALUES: dict[str, list[dict[str, Any]]] = {
    "services": [
        {"host": "elsewhere"}, {"retries": 9}, {"enabled": False}, {"path": "/x"}, {"tags": None}, {"tags": ["mine"]},
        {"tls_verify_depth": 2},
    ],
    "routes": [
        {"paths": ["/other"]}, {"paths": ["/a", "/b"]}, {"methods": ["GET"]}, {"hosts": ["only.example"]},
        {"strip_path": False}, {"service": None}, {"headers": {"x": ["y"]}}, {"tags": None}, {"regex_priority": 7},
    ],
    "plugins": [
        {"enabled": False}, {"tags": ["mine"]}, {"protocols": ["http"]}, {"instance_name": "by-hand"},
    ],
}  # fmt: skip
CONFIGS: list[dict[str, Any]] = [
    {"minute": 1}, {"second": 1}, {"origins": ["*", "https://a.example", "https://b.example"]}, {"methods": ["GET"]},
    {"http_endpoint": "http://other:1/x"}, {"queue": {"max_entries": 1}}, {"sample_ratio": 1}, {"headers": ["X-A"]},
    {"private_network": True}, {"propagation": {"default_format": "w3c"}}, {"redis": {"host": "r"}}, {"timeout": None},
]  # fmt: skip

change = st.one_of(
    st.tuples(st.just("delete"), st.sampled_from(["services", "routes", "plugins"]), st.integers(0, 30)),
    *(
        st.tuples(st.just("patch"), st.just(kind), st.integers(0, 30), st.sampled_from(values))
        for kind, values in VALUES.items()
    ),
    st.tuples(st.just("config"), st.just("plugins"), st.integers(0, 30), st.sampled_from(CONFIGS)),
    st.tuples(st.just("move"), st.just("plugins"), st.integers(0, 30), st.integers(0, 5)),
    st.tuples(st.just("add"), st.sampled_from(["services", "routes", "plugins"]), st.booleans(), st.integers(0, 5)),
)


def by_hand(kong: Kong, step: tuple[Any, ...], number: int) -> None:
    """One change by somebody else; what Kong refuses did not happen."""
    verb, kind, which, *more = step
    there = sorted(kong.entities[kind].values(), key=lambda each: str(each["id"]))
    services = sorted(kong.entities["services"].values(), key=lambda each: str(each["name"]))
    try:
        if verb == "add":
            tags = ["carbon-stream-bootstrap"] if which else ["mine"]
            place = {"id": services[more[0] % len(services)]["id"]} if services and more[0] else None
            entity: dict[str, Any] = {"name": f"{kind}-{number}", "tags": tags}
            if kind == "services":
                entity["host"] = "added"
            elif kind == "routes":
                entity |= {"paths": [f"/added/{number}"], "service": place}
            else:
                name = ["request-termination", "cors", "jwt"][number % 3]
                entity |= {"name": name, "config": {}, "service": place}
            kong.add(kind, entity)
        elif not there:
            return
        elif verb == "delete":
            kong.delete(kind, there[which % len(there)]["id"])
        elif verb == "patch":
            kong.patch(kind, there[which % len(there)]["id"], more[0])
        elif verb == "config":
            kong.patch(kind, there[which % len(there)]["id"], {"config": more[0]})
        elif services:
            target = services[more[0] % len(services)]["id"] if more[0] else None
            kong.patch(kind, there[which % len(there)]["id"], {"service": {"id": target} if target else None})
    except Complaint:
        return


def foreign(kong: Kong) -> dict[str, Any]:
    """Entities that neither carry our tag nor have the place of one that is wanted."""
    wanted = {name for kind in ("services", "routes") for name in SMALL.services}
    places = {kong.find("services", name)["id"] for name in SMALL.services if kong.find("services", name)}  # type: ignore[index]
    ours = {plugin.plugin for plugin in SMALL.plugins.values()}
    return {
        number: each
        for kind, every in kong.content().items()
        for number, each in every.items()
        if "carbon-stream-bootstrap" not in (each["tags"] or ())
        and each.get("name") not in (wanted if kind != "plugins" else ours)
        and ((each.get("service") or {}).get("id") in places or kind == "services")
    }


@given(
    starts_whole=st.booleans(),
    steps=st.lists(change, max_size=8),
    database=st.sampled_from(["postgres", "postgres", "off"]),
    prune=st.booleans(),
    shows_schemas=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_one_apply_mends_whatever_was_done(
    starts_whole: bool, steps: list[tuple[Any, ...]], database: str, prune: bool, shows_schemas: bool
) -> None:
    kong = Kong(database=database, page=3, shows_schemas=True)
    if starts_whole:
        kong.entities = copy.deepcopy(WHOLE)
    for number, step in enumerate(steps):
        by_hand(kong, step, number)
    kong.shows_schemas = shows_schemas
    asyncio.run(_mend(kong, prune))


async def _mend(kong: Kong, prune: bool) -> None:
    async with serving(kong):
        where = Settings(kong_admin_url=kong.url)
        before, others = kong.content(), foreign(kong)
        plan = await read_plan(where, SMALL, prune=prune, patience=PATIENCE)
        assert kong.content() == before, "a plan touches nothing"
        taken = await apply(where, SMALL, prune=prune, patience=PATIENCE)
        assert [(a.verb, a.key) for a in taken.actions] == [(a.verb, a.key) for a in plan.actions]
        after = kong.content()
        assert {one: after[kind][one] for kind in after for one in after[kind] if one in others} == others
        writes = kong.writes
        second = await apply(where, SMALL, prune=prune, patience=PATIENCE)
        assert (second.actions, kong.writes) == ((), writes), "a second apply changes nothing"
        for name, service in SMALL.services.items():
            there = kong.named("services", name)
            assert (there["retries"], there["enabled"]) == (service.retries, True)
            assert kong.named("routes", name)["service"] == {"id": there["id"]}
            assert kong.named("routes", name)["paths"] == list(service.route.paths if service.route else ())
        assert kong.plugin("rate-limiting", "trino")["config"]["minute"] == 50
        assert kong.plugin("cors", "superset")["config"]["origins"] == ["https://portal.254carbon.example"]
        if prune:
            assert len(second.stale) == len(second.notes), "what stays although it is ours is said why"
