"""Who may call what, over real sockets: each way, each role, each refusal, and what is written down of it."""

import asyncio
import logging
from typing import Any

import pytest

from carbon_stream.access.roles import ROLES, Role, holds
from carbon_stream.contracts.exports import example
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings, SettingsError
from carbon_stream.web.application import whole_application
from carbon_stream.web.endpoint_roles import ENDPOINT_ROLES, PUBLIC
from tests.unit.web.conftest import Front, Kept, OpenFront

ADMIN = "s3cret-admin"
KONG = "spiffe://cluster.local/ns/kong/sa/kong"
POD = "spiffe://cluster.local/ns/data-platform/sa/trino"


def event(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = dict(example("DataIngestionEvent"))
    return {**made, **fields}


def concrete(path: str) -> str:
    return (
        path.replace("{eventType}", "SecurityEvent")
        .replace("{namespace}", "n")
        .replace("{service}", "s")
        .replace("{name}", "d")
    )


async def eventually(front: Front, topic: str, count: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(60):
        while len(found := front.events(topic)) < count:
            await asyncio.sleep(0.01)
    return found


def test_every_route_of_the_whole_application_names_its_role() -> None:
    application = whole_application(Settings())
    routes = {
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert routes == set(ENDPOINT_ROLES)


async def test_each_endpoint_is_open_to_exactly_the_roles_that_include_its_own(
    open_front: OpenFront, access_file: Kept
) -> None:
    for role in ROLES:
        access_file.add(role, role)
    front = await open_front(access=("keys",), access_file=access_file.path)
    for (method, path), needed in ENDPOINT_ROLES.items():
        for role in ROLES:
            status, document, headers = await front.ask(
                method, concrete(path), {} if method == "POST" else None, Authorization=access_file.bearer(role)
            )
            allowed = needed == PUBLIC or holds([role], needed)
            assert (status != 403) is allowed, (method, path, role, document)
            assert status != 401
            if not allowed:
                assert f'scope="{needed}"' in headers["WWW-Authenticate"]  # type: ignore[index]
                assert needed in document["detail"]


@pytest.mark.parametrize("pair", [pair for pair, role in ENDPOINT_ROLES.items() if role != PUBLIC])
async def test_nobody_gets_anywhere_without_a_credential(
    open_front: OpenFront, access_file: Kept, pair: tuple[str, str]
) -> None:
    front = await open_front(access=("keys",), access_file=access_file.path)
    status, document, headers = await front.ask(pair[0], concrete(pair[1]), {} if pair[0] == "POST" else None)
    assert (status, document["title"]) == (401, "Credential needed")
    assert headers["WWW-Authenticate"] == 'Bearer realm="carbon-stream"'  # type: ignore[index]
    assert front.publisher.taken == []


async def test_a_route_that_nobody_listed_needs_an_operator(open_front: OpenFront, access_file: Kept) -> None:
    access_file.add("auditor", "auditor", "sender")
    access_file.add("operator", "operator")
    front = await open_front(access=("keys",), access_file=access_file.path)
    assert (await front.ask("POST", "/v1/not-on-the-list", {}, Authorization=access_file.bearer("auditor")))[0] == 403
    assert (await front.ask("POST", "/v1/not-on-the-list", {}, Authorization=access_file.bearer("operator")))[0] == 200


async def test_what_is_not_there_is_not_there_for_anybody(open_front: OpenFront, access_file: Kept) -> None:
    front = await open_front(access=("keys",), access_file=access_file.path)
    assert (await front.ask("GET", "/v1/nothing"))[0] == 404
    assert (await front.ask("DELETE", "/v1/events"))[0] == 405


async def test_head_needs_what_get_needs(open_front: OpenFront, access_file: Kept) -> None:
    access_file.add("reader", "reader")
    front = await open_front(access=("keys",), access_file=access_file.path)
    assert (await front.ask("HEAD", "/v1/topics"))[0] == 401
    assert (await front.ask("HEAD", "/v1/topics", Authorization=access_file.bearer("reader")))[0] == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwdw==",
        "Bearer cs_",
        "Bearer cs_abcdefghijkl_" + "x" * 43,
        "Bearer nonsense",
        "Bearer a.b.c",
        "Bearer schlüssel",
        "Bearer " + "x" * 8_193,
    ],
)
async def test_a_credential_that_is_none_is_refused(
    open_front: OpenFront, access_file: Kept, authorization: str
) -> None:
    access_file.add("reader", "reader")
    front = await open_front(access=("keys",), access_file=access_file.path)
    status, document, headers = await front.ask("GET", "/v1/topics", Authorization=authorization)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Bearer")  # type: ignore[index]
    given = authorization.partition(" ")[2].strip()
    assert len(given) < 6 or given[:60] not in str(document)


async def test_no_secret_is_in_log_or_answer(
    open_front: OpenFront, access_file: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    key = access_file.add("reader", "reader")
    wrong = key[:-5] + "AAAAA"
    front = await open_front(access=("keys",), access_file=access_file.path, admin_token=ADMIN)
    with caplog.at_level(logging.DEBUG):
        _, document, _ = await front.ask("GET", "/v1/topics", Authorization=f"Bearer {wrong}")
        await front.ask("GET", "/v1/audit/events", Authorization=f"Bearer {key}")
        await front.ask("POST", "/v1/dead-letters/replay", {}, Authorization=f"Bearer {ADMIN}x")
    told = await eventually(front, "security-events", 2)
    for secret in (key, wrong, access_file.keys["reader"].sha256, ADMIN):
        assert secret not in caplog.text + str(document) + str(told)


async def test_a_key_may_come_in_a_header_of_its_own_and_only_once(open_front: OpenFront, access_file: Kept) -> None:
    key = access_file.add("reader", "reader")
    front = await open_front(access=("keys",), access_file=access_file.path)
    assert (await front.ask("GET", "/v1/topics", X_Api_Key=key))[0] == 200
    assert (await front.ask("GET", "/v1/topics", X_Api_Key=key, Authorization=f"Bearer {key}"))[0] == 401


async def test_an_expired_key_is_refused(open_front: OpenFront, access_file: Kept) -> None:
    access_file.add("old", "reader", expires="2026-01-01")
    front = await open_front(access=("keys",), access_file=access_file.path)
    status, document, _ = await front.ask("GET", "/v1/topics", Authorization=access_file.bearer("old"))
    assert (status, document["detail"]) == (401, "the key has expired")


async def test_a_key_sends_for_its_sources_and_types_alone(open_front: OpenFront, access_file: Kept) -> None:
    access_file.add("loader", "sender", sources=["loader", "batch-*"], types=["DataIngestionEvent"])
    front = await open_front(access=("keys",), access_file=access_file.path)
    batch = [
        event(source="loader"),
        event(source="batch-7"),
        event(source="trino"),
        {**example("SecurityEvent"), "source": "loader"},
    ]
    status, document, _ = await front.ask("POST", "/v1/events", batch, Authorization=access_file.bearer("loader"))
    assert (status, document["accepted"], document["rejected"]) == (202, 2, 2)
    errors = [receipt["errors"][0] for receipt in document["receipts"][2:]]
    assert [(error["pointer"], error["type"]) for error in errors] == [
        ("/source", "forbidden"),
        ("/eventType", "forbidden"),
    ]
    assert "it sends for loader, batch-*" in errors[0]["message"]
    assert not any(receipt["retriable"] for receipt in document["receipts"][2:])
    taken = front.events("data-ingestion")
    assert [one["context"]["principal"]["name"] for one in taken] == ["loader", "loader"]
    told = await eventually(front, "security-events", 2)
    assert {(one["action"], one["principal"], one["outcome"], one["resource"]) for one in told} == {
        ("source-mismatch", "loader", "DENIED", "trino"),
        ("type-mismatch", "loader", "DENIED", "SecurityEvent"),
    }


async def test_a_batch_of_foreign_events_makes_one_security_event_with_their_number(
    open_front: OpenFront, access_file: Kept
) -> None:
    access_file.add("loader", "sender", sources=["loader"])
    front = await open_front(access=("keys",), access_file=access_file.path)
    for _ in range(3):
        batch = [event(source="trino") for _ in range(50)]
        status, _, _ = await front.ask("POST", "/v1/events", batch, Authorization=access_file.bearer("loader"))
        assert status == 422
    (told,) = await eventually(front, "security-events")
    await asyncio.sleep(0.1)
    assert len(front.events("security-events")) == 1
    assert told["severity"] == "HIGH"


@pytest.mark.parametrize(
    ("claimed", "mismatch"),
    [
        ({"principal": {"name": "somebody-else"}}, "somebody-else"),
        ({"consumer": {"username": "somebody-else"}}, "somebody-else"),
        ({"principal": "somebody-else"}, "somebody-else"),
        ({"principal": {"name": "loader"}}, None),
        ({"principal": 7, "consumer": []}, None),
        ({}, None),
    ],
)
async def test_a_claimed_principal_is_never_believed_and_a_false_one_is_told(
    open_front: OpenFront, access_file: Kept, claimed: dict[str, Any], mismatch: str | None
) -> None:
    access_file.add("loader", "sender")
    front = await open_front(access=("keys",), access_file=access_file.path)
    status, _, _ = await front.ask(
        "POST", "/v1/events", event(context=claimed), Authorization=access_file.bearer("loader")
    )
    assert status == 202
    (taken,) = front.events("data-ingestion")
    assert taken["context"]["principal"]["name"] == "loader"
    assert taken["context"]["claimed"] == claimed
    if mismatch is None:
        await asyncio.sleep(0.1)
        assert front.events("security-events") == []
    else:
        (told,) = await eventually(front, "security-events")
        assert (told["action"], told["outcome"]) == ("principal-mismatch", "ACCEPTED")
        assert mismatch in told["message"]


async def test_who_is_too_fast_is_told_when_to_come_again(open_front: OpenFront, access_file: Kept) -> None:
    access_file.add("loader", "sender", rate=0.5, burst=2)
    access_file.add("other", "sender")
    front = await open_front(access=("keys",), access_file=access_file.path)
    batch = [event() | {"eventId": f"event-{number}"} for number in range(10)]
    assert (await front.ask("POST", "/v1/events", batch, Authorization=access_file.bearer("loader")))[0] == 202
    status, document, headers = await front.ask("POST", "/v1/events", batch, Authorization=access_file.bearer("loader"))
    assert (status, document["title"]) == (503, "Unavailable")
    assert 1 <= int(headers["Retry-After"]) <= 17  # type: ignore[index]
    assert len(front.events("data-ingestion")) == 10
    assert (await front.ask("POST", "/v1/events", event(), Authorization=access_file.bearer("other")))[0] == 202


async def test_the_gateways_log_needs_a_key_of_its_own(open_front: OpenFront, access_file: Kept) -> None:
    entry = {
        "service": {"name": "trino"},
        "request": {"id": "r-1", "method": "GET", "uri": "/"},
        "response": {"status": 200},
        "latencies": {"request": 1},
    }
    access_file.add("kong", "gateway")
    access_file.add("loader", "sender", "operator")
    front = await open_front(access=("keys",), access_file=access_file.path)
    assert (await front.ask("POST", "/v1/sources/kong", entry, Authorization=access_file.bearer("loader")))[0] == 403
    assert (await front.ask("POST", "/v1/sources/kong", entry, Authorization=access_file.bearer("kong")))[0] == 202
    assert (await front.ask("POST", "/v1/events", event(), Authorization=access_file.bearer("kong")))[0] == 403


async def test_the_gateways_word_counts_from_trusted_addresses_alone(open_front: OpenFront, access_file: Kept) -> None:
    access_file.document["consumers"] = [{"username": "portal", "roles": ["reader"]}]
    access_file.write()
    ways = {"access": ("gateway",), "access_file": access_file.path}
    trusting = await open_front(**ways, trusted_proxies="127.0.0.0/8")
    assert (await trusting.ask("GET", "/v1/topics", X_Consumer_Username="portal"))[0] == 200
    assert (await trusting.ask("GET", "/v1/topics", X_Consumer_Username="portal", Authorization="Basic eA=="))[0] == 200
    status, document, _ = await trusting.ask("GET", "/v1/topics", X_Consumer_Username="stranger")
    assert (status, "stranger" in document["detail"]) == (403, True)
    assert (await trusting.ask("GET", "/v1/topics"))[0] == 401
    elsewhere = await open_front(**ways, trusted_proxies="10.0.0.0/8")
    assert (await elsewhere.ask("GET", "/v1/topics", X_Consumer_Username="portal"))[0] == 401
    (told,) = await eventually(elsewhere, "security-events")
    assert (told["action"], told["ipAddress"]) == ("gateway-impersonation", "127.0.0.1")


def certificate(identity: str) -> str:
    return f'By=spiffe://cluster.local/ns/data-platform/sa/carbon-stream;Hash=00;Subject="";URI={identity}'


async def test_in_a_mesh_a_pod_with_kongs_headers_is_not_kong(open_front: OpenFront, access_file: Kept) -> None:
    access_file.document["consumers"] = [{"username": "portal", "roles": ["reader"]}]
    access_file.document["workloads"] = [
        {"identity": POD, "roles": ["sender"], "sources": ["trino"]},
        {"identity": KONG, "roles": ["operator"]},
    ]
    access_file.write()
    front = await open_front(
        access=("gateway", "mesh"),
        access_file=access_file.path,
        peer_identity="mesh",
        gateway_identities=KONG,
    )
    by_kong, by_pod = certificate(KONG), certificate(POD)
    consumer = {"X_Consumer_Username": "portal"}
    assert (await front.ask("GET", "/v1/topics", X_Forwarded_Client_Cert=by_kong, **consumer))[0] == 200
    assert (await front.ask("GET", "/v1/topics", X_Forwarded_Client_Cert=by_pod, **consumer))[0] == 403
    assert (await front.ask("GET", "/v1/topics", **consumer))[0] == 401
    told = await eventually(front, "security-events")
    assert told[0]["action"] == "gateway-impersonation"
    assert POD in told[0]["message"]
    # what comes through the gateway without a consumer is not the gateway's own doing, whatever the gateway may do
    assert (await front.ask("GET", "/v1/topics", X_Forwarded_Client_Cert=by_kong))[0] == 401
    status, _, _ = await front.ask("POST", "/v1/events", event(source="trino"), X_Forwarded_Client_Cert=by_pod)
    assert status == 202
    (taken,) = front.events("data-ingestion")
    assert taken["context"]["workload"] == POD
    assert taken["context"]["principal"] == {"name": POD, "via": "mesh"}
    assert "clientAddress" not in taken["context"]


async def test_each_read_of_audit_events_is_recorded_before_it_is_shown(
    open_front: OpenFront, access_file: Kept
) -> None:
    access_file.add("ana", "auditor")
    front = await open_front(access=("keys",), access_file=access_file.path)
    for path in ("/v1/audit/events?user=bob", "/v1/dead-letters", "/v1/events/stream"):
        assert (await front.ask("GET", path, Authorization=access_file.bearer("ana")))[0] == 200
    assert (await front.ask("GET", "/v1/audit/summary", Authorization=access_file.bearer("ana")))[0] == 200
    reads = front.events("audit-data-access")
    assert [(one["userId"], one["datasetName"], one["operation"], one["result"]) for one in reads] == [
        ("ana", "carbon-stream/audit-events", "READ", "SUCCESS"),
        ("ana", "carbon-stream/dead-letters", "READ", "SUCCESS"),
        ("ana", "carbon-stream/events", "READ", "SUCCESS"),
    ]
    assert reads[0]["query"] == "user=bob"
    assert reads[0]["context"]["principal"]["name"] == "ana"


async def test_a_read_that_cannot_be_recorded_is_not_shown(open_front: OpenFront, access_file: Kept) -> None:
    from carbon_stream.ingest.delivery import Failed

    access_file.add("ana", "auditor")
    front = await open_front(access=("keys",), access_file=access_file.path)
    front.publisher.outcome = lambda record, number: Failed(True, "Kafka is away")
    for path in ("/v1/audit/events", "/v1/events/stream"):
        status, document, headers = await front.ask("GET", path, Authorization=access_file.bearer("ana"))
        assert (status, "answered" in document) == (503, False)
        assert headers["Retry-After"] == "5"  # type: ignore[index]


async def test_without_access_control_everything_is_open_but_replay(open_front: OpenFront) -> None:
    front = await open_front(admin_token=ADMIN)
    assert (await front.ask("GET", "/v1/audit/events"))[0] == 200
    assert (await front.ask("POST", "/v1/events", event()))[0] == 202
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {ADMIN}"}):
        assert (await front.ask("POST", "/v1/dead-letters/replay", {}, **headers))[0] == 401
    assert (await front.ask("POST", "/v1/dead-letters/replay", {}, Authorization=f"Bearer {ADMIN}"))[0] == 200
    await asyncio.sleep(0.1)
    assert [record.topic for record in front.publisher.taken] == ["data-ingestion"]


async def test_replay_is_off_without_a_token_in_the_settings(open_front: OpenFront) -> None:
    front = await open_front()
    status, answer, _ = await front.ask("POST", "/v1/dead-letters/replay", {}, Authorization="Bearer x")
    assert status == 403
    assert "CARBON_STREAM_ADMIN_TOKEN" in answer["detail"]


async def test_the_admin_token_is_an_operator_beside_keys(open_front: OpenFront, access_file: Kept) -> None:
    front = await open_front(access=("keys",), access_file=access_file.path, admin_token=ADMIN)
    assert (await front.ask("POST", "/v1/dead-letters/replay", {}, Authorization=f"Bearer {ADMIN}"))[0] == 200
    assert (await front.ask("GET", "/v1/topics", Authorization=f"Bearer {ADMIN}"))[0] == 200
    assert (await front.ask("POST", "/v1/events", event(), Authorization=f"Bearer {ADMIN}"))[0] == 403


async def test_that_it_is_off_is_said_at_the_start(open_front: OpenFront, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await open_front()
    assert "access control is off" in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "carbon-stream"])
async def test_where_others_can_reach_it_somebody_has_to_choose(open_front: OpenFront, host: str) -> None:
    with pytest.raises(SettingsError, match="CARBON_STREAM_ACCESS"):
        await open_front(http_host=host)
    await open_front(http_host=host, access="off")


async def test_an_access_file_that_cannot_be_used_stops_the_start(open_front: OpenFront, access_file: Kept) -> None:
    access_file.path.write_text("version: 3")
    with pytest.raises(OperatorError, match="version"):
        await open_front(access=("keys",), access_file=access_file.path)
    access_file.path.unlink()
    with pytest.raises(OperatorError, match="cannot be read"):
        await open_front(access=("keys",), access_file=access_file.path)


def test_a_role_is_held_by_itself() -> None:
    role: Role
    for role in ROLES:
        assert holds({role}, role)
