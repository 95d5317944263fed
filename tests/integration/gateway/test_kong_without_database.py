"""A gateway without a database takes one whole configuration: what others have there goes along, or none is posted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from carbon_stream.bootstrap.gateway.apply import Stopped, apply, read_plan
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.errors import OperatorError
from tests.integration.gateway.conftest import QUICK, To
from tests.support.kong import Kong
from tests.support.kong_server import serving


@pytest.fixture
async def kong() -> AsyncIterator[Kong]:
    async with serving(Kong(database="off")) as double:
        yield double


async def test_one_post_makes_all_of_it(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    assert [asked for asked in kong.asked if asked[0] != "GET"] == [("POST", "/config")]
    assert {kind: len(each) for kind, each in kong.entities.items() if each} == {
        "services": 11,
        "routes": 10,
        "plugins": 19,
    }
    before = kong.config_hash
    assert (await apply(to(kong), gateway, patience=QUICK)).clean
    assert kong.config_hash == before


async def test_what_others_have_loaded_goes_along(kong: Kong, to: To, gateway: Gateway) -> None:
    theirs = kong.add("services", {"name": "theirs", "host": "theirs"})
    kong.add("routes", {"name": "theirs", "paths": ["/theirs"], "service": {"id": theirs["id"]}})
    kong.others["upstreams"] = [{"id": "u-1", "name": "theirs.upstream"}]
    await apply(to(kong), gateway, patience=QUICK)
    assert kong.named("services", "theirs")["host"] == "theirs"
    assert kong.named("routes", "theirs")["service"] == {"id": theirs["id"]}
    assert kong.others == {"upstreams": [{"id": "u-1", "name": "theirs.upstream"}]}
    assert len(kong.entities["services"]) == 12


async def test_drift_and_prune_work_on_the_document(
    kong: Kong, to: To, gateway: Gateway, with_values: Callable[[str], Gateway]
) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    kong.entities["services"][kong.named("services", "trino")["id"]]["retries"] = 5
    plan = await apply(to(kong), with_values("services: {mlflow: null}"), prune=True, patience=QUICK)
    assert [a.verb for a in plan.actions] == ["change", "delete", "delete", "delete"]
    assert kong.named("services", "trino")["retries"] == 0
    assert len(kong.entities["services"]) == 10


async def test_credentials_are_loaded_too(kong: Kong, to: To, with_values: Callable[[str], Gateway]) -> None:
    values = with_values("plugins: {jwt: {enabled: true}, key-auth: {enabled: true}}")
    await apply(to(kong), values, patience=QUICK)
    (consumer,) = kong.entities["consumers"].values()
    assert [key["consumer"] for key in kong.entities["jwt"].values()] == [{"id": consumer["id"]}]
    assert [key["key"] for key in kong.entities["key-auth"].values()] == ["open-sesame-4711"]
    assert (await read_plan(to(kong), values, patience=QUICK)).clean


async def test_a_refused_document_leaves_everything(kong: Kong, to: To, gateway: Gateway) -> None:
    content = kong.content()
    kong.fault = lambda method, path, number: 400 if method == "POST" else None
    with pytest.raises(Stopped) as stopped:
        await apply(to(kong), gateway, patience=QUICK)
    assert (stopped.value.done, len(stopped.value.undone)) == ((), 40)
    assert kong.content() == content


async def test_a_change_between_plan_and_post_is_noticed(kong: Kong, to: To, gateway: Gateway) -> None:
    asked = 0

    def meddle(method: str, path: str, number: int) -> int | None:
        nonlocal asked
        asked += path.startswith("/plugins")
        if asked == 1 and not kong.entities["services"]:
            kong.add("services", {"name": "theirs", "host": "theirs"})
        return None

    kong.fault = meddle
    with pytest.raises(Stopped, match="changed by somebody else"):
        await apply(to(kong), gateway, patience=QUICK)
    assert not [method for method, _ in kong.asked if method == "POST"]


async def test_the_ingress_controllers_gateway_is_left_to_it(kong: Kong, to: To, gateway: Gateway) -> None:
    kong.add("services", {"name": "x", "host": "x", "tags": ["managed-by-ingress-controller"]})
    with pytest.raises(Stopped, match="export gateway --format kubernetes"):
        await apply(to(kong), gateway, patience=QUICK)


async def test_what_needs_a_database_is_refused_first(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    with pytest.raises(OperatorError, match="oauth2 keeps tokens in a database"):
        await apply(to(kong), with_values("plugins: {oauth2: {enabled: true}}"), patience=QUICK)
    with pytest.raises(OperatorError, match="policy cluster needs a database"):
        await apply(to(kong), with_values("plugins: {rate-limit: {config: {policy: cluster}}}"), patience=QUICK)
