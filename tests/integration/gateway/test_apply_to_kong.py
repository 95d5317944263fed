"""The platform's gateway is made on a double of Kong, kept, mended and pruned; what is not ours is left alone."""

from __future__ import annotations

from collections.abc import Callable

from carbon_stream.bootstrap.gateway.apply import apply, read_plan
from carbon_stream.bootstrap.gateway.entities import Key
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.show import shown
from tests.integration.gateway.conftest import QUICK, To
from tests.support.kong import Kong
from tests.support.kong_server import serving

TEN = {
    "datahub-gms", "datahub-frontend", "trino", "superset", "dolphinscheduler", "mlflow", "iceberg-rest",
    "portal-services", "grafana", "prometheus",
}  # fmt: skip


async def test_an_empty_gateway_gets_the_platform(kong: Kong, to: To, gateway: Gateway) -> None:
    said: list[str] = []
    await apply(to(kong), gateway, say=said.append, patience=QUICK)
    platform = {e["name"]: e for e in kong.entities["services"].values() if "platform" in e["tags"]}
    assert platform.keys() == TEN
    assert kong.named("services", "carbon-stream")["tags"] == ["carbon-stream-bootstrap", "ingest"]
    assert len([e for e in kong.entities["routes"].values() if "platform" in e["tags"]]) == 9
    trino = platform["trino"]
    assert (trino["connect_timeout"], trino["read_timeout"], trino["write_timeout"]) == (60_000, 3_600_000, 3_600_000)
    assert (trino["retries"], platform["dolphinscheduler"]["retries"]) == (0, 2)
    assert platform["iceberg-rest"]["path"] == "/v1"
    assert platform["grafana"]["host"] == "kube-prometheus-stack-grafana.monitoring.svc.cluster.local"
    assert kong.named("routes", "portal-services")["strip_path"] is False
    limits = {
        name: (
            kong.plugin("rate-limiting", name)["config"]["minute"],
            kong.plugin("rate-limiting", name)["config"]["hour"],
        )
        for name in ("datahub-gms", "trino", "superset")
    }
    assert limits == {"datahub-gms": (200, 10_000), "trino": (50, 1_000), "superset": (100, 5_000)}
    logged = {e["service"]["id"] for e in kong.entities["plugins"].values() if e["name"] == "http-log"}
    assert logged == {each["id"] for each in platform.values()}, "each of the ten, and not our own"
    assert [line.split("]")[0] for line in said] == [f"[{n}/40" for n in range(1, 41)]


async def test_a_second_apply_writes_nothing(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    writes, content = kong.writes, kong.content()
    assert (await apply(to(kong), gateway, patience=QUICK)).clean
    assert (kong.writes, kong.content()) == (writes, content)


async def test_nothing_is_put_before_what_it_stands_on(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    kinds = [path.split("/")[1] for method, path in kong.asked if method == "PUT"]
    assert kinds == sorted(kinds, key=["services", "routes", "plugins"].index)


async def test_guards_stand_before_the_routes_they_guard(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    await apply(to(kong), with_values("plugins: {jwt: {enabled: true}}"), patience=QUICK)
    puts = [body.get("name", path) for path, body in kong.bodies]
    places = [path.split("/")[1] for path, _ in kong.bodies]
    assert max(place for place, name in enumerate(puts) if name == "jwt") < places.index("routes")
    assert places[:2] == ["consumers", "consumers"], "who may call is known before anybody is refused"


async def test_a_plan_asks_and_never_writes(kong: Kong, to: To, gateway: Gateway) -> None:
    plan = await read_plan(to(kong), gateway, patience=QUICK)
    assert len(plan.actions) == 40
    assert {method for method, _ in kong.asked} == {"GET"}


async def test_drift_made_by_hand_is_shown_and_mended(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    kong.patch("services", "trino", {"read_timeout": 60_000, "retries": 5})
    kong.patch("routes", "superset", {"methods": ["GET"]})
    kong.patch("plugins", kong.plugin("cors", "grafana")["id"], {"config": {"origins": ["*", "https://b.example"]}})
    kong.patch("plugins", kong.plugin("prometheus")["id"], {"config": {"per_consumer": True}})
    plan = await read_plan(to(kong), gateway, patience=QUICK)
    told = {(str(a.key), c.field, str(c.before), str(c.after)) for a in plan.actions for c in a.changes}
    assert told == {
        ("service trino", "read_timeout", "60000", "3600000"),
        ("service trino", "retries", "5", "0"),
        ("route superset", "methods", "['GET']", "[]"),
        (
            "plugin cors on service grafana",
            "config.origins",
            "['*', 'https://b.example']",
            "['https://portal.254carbon.example']",
        ),
        ("plugin prometheus", "config.per_consumer", "True", "False"),
    }
    await apply(to(kong), gateway, patience=QUICK)
    assert kong.plugin("cors", "grafana")["config"]["origins"] == ["https://portal.254carbon.example"]
    assert (await read_plan(to(kong), gateway, patience=QUICK)).clean


async def test_without_schemas_what_is_said_is_still_mended(kong: Kong, to: To, gateway: Gateway) -> None:
    kong.shows_schemas = False
    await apply(to(kong), gateway, patience=QUICK)
    kong.patch("plugins", kong.plugin("rate-limiting", "trino")["id"], {"config": {"minute": 9_999, "second": 3}})
    (action,) = (await read_plan(to(kong), gateway, patience=QUICK)).actions
    assert [change.field for change in action.changes] == ["config.minute"]


async def test_a_service_of_the_same_name_is_taken_over_with_what_others_set_on_it(
    kong: Kong, to: To, gateway: Gateway
) -> None:
    theirs = kong.add("services", {"name": "trino", "host": "old-trino", "tags": ["mine"], "tls_verify_depth": 2})
    route = kong.add("routes", {"name": "trino-ui", "paths": ["/ui"], "service": {"id": theirs["id"]}})
    stop = kong.add("plugins", {"name": "request-termination", "config": {}, "service": {"id": theirs["id"]}})
    plan = await apply(to(kong), gateway, prune=True, patience=QUICK)
    now = kong.named("services", "trino")
    assert (now["id"], now["host"]) == (theirs["id"], "trino-coordinator.data-platform.svc.cluster.local")
    assert (now["tags"], now["tls_verify_depth"]) == (["mine", "carbon-stream-bootstrap", "platform"], 2)
    assert kong.entities["routes"][route["id"]] == route
    assert kong.entities["plugins"][stop["id"]] == stop
    assert plan.foreign == (Key("plugins", "request-termination", "service trino"), Key("routes", "trino-ui"))


async def test_prune_deletes_only_what_carries_our_tag(
    kong: Kong, to: To, gateway: Gateway, with_values: Callable[[str], Gateway]
) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    kong.add("services", {"name": "theirs", "host": "theirs"})
    fewer = with_values("services: {mlflow: null, datahub-frontend: null}")
    left = await apply(to(kong), fewer, patience=QUICK)
    assert left.clean
    assert len(left.stale) == 5
    assert kong.named("services", "mlflow")
    kong.asked.clear()
    await apply(to(kong), fewer, prune=True, patience=QUICK)
    deleted = [path.split("/")[1] for method, path in kong.asked if method == "DELETE"]
    assert deleted == ["routes", "plugins", "plugins", "services", "services"]
    names = {each["name"] for each in kong.entities["services"].values()}
    assert names == (TEN | {"carbon-stream", "theirs"}) - {"mlflow", "datahub-frontend"}


async def test_what_others_stand_on_is_not_pruned_from_under_them(
    kong: Kong, to: To, gateway: Gateway, with_values: Callable[[str], Gateway]
) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    place = {"id": kong.named("routes", "mlflow")["id"]}
    theirs = kong.add("plugins", {"name": "request-termination", "config": {}, "route": place})
    plan = await apply(to(kong), with_values("services: {mlflow: null}"), prune=True, patience=QUICK)
    assert kong.entities["plugins"][theirs["id"]] == theirs
    assert kong.named("services", "mlflow")
    assert [note.split(" is ours")[0] for note in plan.notes] == ["route mlflow", "service mlflow"]


async def test_a_plugin_moved_by_hand_goes_back_to_its_place(kong: Kong, to: To, gateway: Gateway) -> None:
    await apply(to(kong), gateway, patience=QUICK)
    moved = kong.plugin("cors", "grafana")["id"]
    kong.patch("plugins", moved, {"service": {"id": kong.named("services", "mlflow")["id"]}})
    (action,) = (await apply(to(kong), gateway, prune=True, patience=QUICK)).actions
    assert [(c.field, c.before, c.after) for c in action.changes] == [("service", "mlflow", "grafana")]
    assert kong.plugin("cors", "grafana")["id"] == moved


async def test_switches_go_on_and_off_by_one_value(kong: Kong, to: To, with_values: Callable[[str], Gateway]) -> None:
    names = ["jwt", "oauth2", "key-auth", "request-transformation", "response-transformation", "ip-restriction"]
    on = {name: {"enabled": True} for name in [*names, "no-response-caching"]}
    await apply(to(kong), with_values(f"plugins: {on}".replace("True", "true")), patience=QUICK)
    jwt = kong.plugin("jwt", "trino")["config"]
    assert (jwt["claims_to_verify"], jwt["maximum_expiration"]) == (["exp", "nbf"], 86_400)
    (key,) = kong.entities["jwt"].values()
    assert (key["key"], key["algorithm"]) == ("254carbon-platform", "RS256")
    transformed = kong.plugin("response-transformer", "trino")["config"]
    assert transformed["remove"]["headers"] == ["Server", "X-Powered-By", "Cache-Control", "Expires"]
    assert transformed["add"]["headers"] == ["Cache-Control:no-store"]
    provision_key = kong.plugin("oauth2", "trino")["config"]["provision_key"]
    assert (await read_plan(to(kong), with_values(f"plugins: {on}".replace("True", "true")), patience=QUICK)).clean
    off = await apply(to(kong), with_values(""), patience=QUICK)
    assert {(a.verb, a.key.name) for a in off.actions} == {
        ("change", name)
        for name in ("jwt", "oauth2", "key-auth", "request-transformer", "response-transformer", "ip-restriction")
    }
    assert not any(
        e["enabled"] for e in kong.entities["plugins"].values() if e["name"] in ("jwt", "oauth2", "key-auth")
    )
    assert kong.plugin("oauth2", "trino")["config"]["provision_key"] == provision_key


async def test_an_admin_api_behind_a_path_and_in_small_pages(to: To, gateway: Gateway) -> None:
    async with serving(Kong(page=3), "/kong/admin") as kong:
        await apply(to(kong), gateway, patience=QUICK)
        assert (await read_plan(to(kong), gateway, patience=QUICK)).clean
        assert len(kong.entities["services"]) == 11


async def test_an_older_kong_is_told_of_the_queue_in_its_own_words(to: To, gateway: Gateway) -> None:
    async with serving(Kong(version="3.0.2", shows_schemas=False)) as kong:
        plan = await read_plan(to(kong), gateway, patience=QUICK)
        config = next(a.body["config"] for a in plan.actions if a.key.name == "http-log")
        assert "queue" not in config
        assert (config["queue_size"], config["flush_timeout"]) == (100, 1)


async def test_mending_oauth2_keeps_the_key_that_kong_made_up(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    on = with_values("plugins: {oauth2: {enabled: true}}")
    await apply(to(kong), on, patience=QUICK)
    before = kong.plugin("oauth2", "trino")["config"]["provision_key"]
    kong.patch("plugins", kong.plugin("oauth2", "trino")["id"], {"config": {"token_expiration": 1}})
    await apply(to(kong), on, patience=QUICK)
    now = kong.plugin("oauth2", "trino")["config"]
    assert (now["token_expiration"], now["provision_key"]) == (3_600, before)


LOG_KEY = "{plugins: {audit-log: {secrets: {headers.X-Api-Key: {secret: carbon-stream-gateway-log, key: key}}}}}"


async def test_the_log_carries_a_key_that_no_plan_shows(
    kong: Kong, to: To, with_values: Callable[[str], Gateway]
) -> None:
    with_key = with_values(LOG_KEY)
    plan = await read_plan(to(kong), with_key, patience=QUICK)
    text = "".join(line for row in shown(plan).rows for line in (row.text, *row.details)) + str(shown(plan).document)
    assert "the-key-of-the-log" not in text
    assert text.count("(secret)") == 20
    await apply(to(kong), with_key, patience=QUICK)
    assert kong.plugin("http-log", "trino")["config"]["headers"] == {"X-Api-Key": "cs_abcdefghijkl_the-key-of-the-log"}
    assert (await read_plan(to(kong), with_key, patience=QUICK)).clean
    kong.patch("plugins", kong.plugin("http-log", "trino")["id"], {"config": {"headers": {"X-Api-Key": "another"}}})
    (action,) = (await read_plan(to(kong), with_key, patience=QUICK)).actions
    assert [(change.before, change.after) for change in action.changes] == [("(secret)", "(secret)")]
