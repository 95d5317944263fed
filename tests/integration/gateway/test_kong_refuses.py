"""Kong fails, refuses, or is changed by somebody else in the middle of an apply: what was done is said, nothing is half
done, and the same command finishes the job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from carbon_stream.bootstrap.gateway.admin import Refused, Unreachable
from carbon_stream.bootstrap.gateway.apply import Stopped, apply, read_plan
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.errors import OperatorError
from tests.integration.gateway.conftest import QUICK, To
from tests.support.kong import Fault, Kong
from tests.support.kong_server import serving

LOST = 1_000
"""The work is done and its answer is lost."""


def at_write(first: int, status: int, times: int = 1) -> Fault:
    """A fault at some writes, counted from 1."""
    return lambda method, path, number: status if first <= number < first + times else None


@pytest.mark.parametrize("status", [0, 429, 500, 503, LOST, LOST + 500])
async def test_what_passes_is_tried_again(kong: Kong, to: To, gateway: Gateway, status: int) -> None:
    kong.fault = at_write(17, status, times=2)
    plan = await apply(to(kong), gateway, patience=QUICK)
    assert (len(plan.actions), kong.writes) == (40, 42)
    assert len(kong.entities["plugins"]) == 19


@pytest.mark.parametrize("first", [1, 14, 30, 40])
@pytest.mark.parametrize("status", [0, 409, 429, 500, LOST])
async def test_a_rerun_finishes_what_was_stopped(kong: Kong, to: To, gateway: Gateway, status: int, first: int) -> None:
    kong.fault = at_write(first, status, times=100)
    with pytest.raises(Stopped) as stopped:
        await apply(to(kong), gateway, patience=QUICK)
    assert (len(stopped.value.done), len(stopped.value.undone)) == (first - 1, 41 - first)
    text = str(stopped.value)
    assert f"  done: {stopped.value.plan.actions[first - 2].verb}" in text or first == 1
    assert f"  not done: create {stopped.value.undone[0].key}" in text
    assert "run the same command again" in text
    kong.fault = None
    rest = await apply(to(kong), gateway, patience=QUICK)
    assert len(rest.actions) == (41 - first if status != LOST else 40 - first)
    assert (await read_plan(to(kong), gateway, patience=QUICK)).clean


async def test_a_refusal_is_told_with_what_kong_says(kong: Kong, to: To, with_values: Callable[[str], Gateway]) -> None:
    wrong = with_values("plugins: {metrics: {config: {per_consumer: 12}}}")
    with pytest.raises(Stopped) as stopped:
        await apply(to(kong), wrong, patience=QUICK)
    assert "expected a boolean" in stopped.value.why
    assert "schema violation, code 2" in stopped.value.why
    assert str(stopped.value.undone[0].key) == "plugin prometheus"
    assert kong.writes == len(stopped.value.done) + 1, "a refusal is final: it is not tried again"


async def test_what_the_gateway_cannot_do_is_refused_before_anything_changes(
    to: To, with_values: Callable[[str], Gateway]
) -> None:
    async with serving(Kong(plugins=frozenset({"cors", "prometheus", "rate-limiting", "http-log", "zipkin"}))) as kong:
        with pytest.raises(OperatorError, match="does not run the plugin correlation-id"):
            await apply(to(kong), with_values(""), patience=QUICK)
        assert kong.writes == 0
    async with serving(Kong()) as kong:
        with pytest.raises(OperatorError, match=r"http-log has no queue\.max_batchsize"):
            await apply(
                to(kong), with_values("plugins: {audit-log: {config: {queue: {max_batchsize: 1}}}}"), patience=QUICK
            )
        assert kong.writes == 0


async def test_another_run_at_work_is_noticed(kong: Kong, to: To, gateway: Gateway) -> None:
    def meddle(number: int) -> None:
        if number == 5:
            kong.add("services", {"name": "prometheus", "host": "of-somebody-else"})

    kong.on_write = meddle
    with pytest.raises(Stopped, match="service prometheus was made, and otherwise, by somebody else") as stopped:
        await apply(to(kong), gateway, patience=QUICK)
    assert len(stopped.value.done) == 9
    assert kong.named("services", "prometheus")["host"] == "of-somebody-else", "not overwritten unseen"
    kong.on_write = None
    await apply(to(kong), gateway, patience=QUICK)
    assert kong.named("services", "prometheus")["host"].startswith("kube-prometheus-stack-prometheus")


async def test_an_entity_changed_under_a_run_is_noticed(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    kong.patch("services", "trino", {"retries": 3})
    kong.patch("services", "superset", {"retries": 3})
    writes = kong.writes

    def meddle(number: int) -> None:
        if number == writes + 1:
            kong.patch("services", "superset", {"retries": 4})

    kong.on_write = meddle
    with pytest.raises(Stopped, match="service superset was changed by somebody else"):
        await apply(to(kong), gateway, patience=QUICK)


async def test_two_runs_with_the_same_aim_both_end_well(kong: Kong, to: To, gateway: Gateway) -> None:
    """The other has done the rest meanwhile: what is as wanted is not written again."""
    async with serving(Kong()) as other:
        await apply(to(other), gateway, patience=QUICK)

    def finish(number: int) -> None:
        if number == 23:
            ours = {each["name"]: each["id"] for each in kong.entities["services"].values()}
            theirs = {each["id"]: each["name"] for each in other.entities["services"].values()}
            for plugin_id, each in other.entities["plugins"].items():
                place = {"id": ours[theirs[each["service"]["id"]]]} if each["service"] else None
                kong.put("plugins", plugin_id, {**_said(each), "service": place})

    kong.on_write = finish
    await apply(to(kong), gateway, patience=QUICK)
    assert len(kong.entities["plugins"]) == 19
    assert kong.writes == 23


def _said(entity: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entity.items() if name not in ("id", "created_at", "updated_at")}


async def test_a_gateway_that_keeps_a_value_of_its_own_is_told_and_not_fought(
    kong: Kong, to: To, gateway: Gateway
) -> None:
    keep = kong._keep

    def stubborn(kind: str, id: str, said: dict[str, Any]) -> dict[str, Any]:
        entity = keep(kind, id, said)
        if entity.get("name") == "trino" and kind == "services":
            entity["retries"] = 1
        return entity

    kong._keep = stubborn  # type: ignore[method-assign]
    with pytest.raises(Stopped, match=r"Kong keeps a value of its own.*change service trino; retries: 1 -> 0"):
        await apply(to(kong), gateway, patience=QUICK)


async def test_nobody_there(kong: Kong, to: To, gateway: Gateway, free_port: int) -> None:
    kong.url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(Unreachable, match=f"127.0.0.1:{free_port}.*tried 4 times"):
        await read_plan(to(kong), gateway, patience=QUICK)


async def test_an_address_that_is_no_admin_api(to: To, gateway: Gateway) -> None:
    async with serving(Kong(), "/elsewhere") as kong:
        kong.url = kong.url.removesuffix("/elsewhere")
        with pytest.raises(Refused, match="GET / was refused: 404"):
            await read_plan(to(kong), gateway, patience=QUICK)


async def test_no_secret_is_told_when_kong_repeats_it(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    theirs = kong.add("consumers", {"username": "theirs"})
    kong.add("key-auth", {"key": "open-sesame-4711", "consumer": {"id": theirs["id"]}})
    values = with_values("plugins: {key-auth: {enabled: true}, oauth2: {enabled: true}}")
    with pytest.raises(Stopped) as stopped:
        await apply(to(kong), values, patience=QUICK)
    assert "UNIQUE violation detected" in str(stopped.value)
    assert "(secret)" in str(stopped.value)
    assert "open-sesame" not in str(stopped.value)
    assert "portal-secret" not in repr(stopped.value.plan)


async def test_a_changed_secret_is_a_change_without_its_value(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    values = with_values("plugins: {key-auth: {enabled: true}, jwt: {enabled: true}}")
    await apply(to(kong), values, patience=QUICK)
    (to(kong).kong_secrets_dir / "carbon-stream-gateway-keys" / "platform").write_text("another-key-0000")
    (action,) = (await read_plan(to(kong), values, patience=QUICK)).actions
    assert [(c.field, c.before, c.after) for c in action.changes] == [("key", "(secret)", "(secret)")]
    await apply(to(kong), values, patience=QUICK)
    assert [each["key"] for each in kong.entities["key-auth"].values()] == ["another-key-0000"]


async def test_a_secret_that_is_not_mounted_is_named(kong: Kong, to: To, with_values: Callable[[str], Gateway]) -> None:
    settings = to(kong)
    (settings.kong_secrets_dir / "carbon-stream-gateway-jwt" / "public.pem").unlink()
    with pytest.raises(OperatorError, match=r"public\.pem of secret carbon-stream-gateway-jwt cannot be read"):
        await read_plan(settings, with_values("plugins: {jwt: {enabled: true}}"), patience=QUICK)
    assert kong.asked == []
