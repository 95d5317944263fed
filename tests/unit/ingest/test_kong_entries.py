"""Entries of Kong's http-log: what becomes of each kind, and that no secret gets through."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.ingest.delivery import Failed
from carbon_stream.ingest.formats.kong import ENTRY_BYTES_MAX, read_entry
from carbon_stream.ingest.redaction import REDACTED, redact, redact_text

OpenDoor = Callable[..., Awaitable[Any]]
KONG = "/v1/sources/kong"
FOLDER = Path(__file__).parent / "data" / "kong"


def entry(name: str, **changes: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return {**loaded, **changes}


async def test_an_entry_becomes_an_api_call(open_door: OpenDoor) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(entry("key_auth")), KONG)
    request_id = "2f6946328ffc4946b8c9120704a4a155"
    assert (status, answer["receipts"][0]["eventId"]) == (202, f"kong-{request_id}")
    record = door.publisher.taken[0]
    assert (record.topic, record.key) == ("audit-api-calls", b"trino")
    event = orjson.loads(record.value)
    expected = {
        "eventType": "AuditAPICallEvent",
        "source": "kong",
        "timestamp": 1763957439538,
        "service": "trino",
        "endpoint": "/api/trino/v1/query",
        "method": "GET",
        "statusCode": 200,
        "latencyMs": 176,
        "requestSizeBytes": 412,
        "responseSizeBytes": 9982,
        "userId": "ana",
        "apiKey": door.ingest.pseudonyms.of("7f9c2ba4-e88f-4a1e-9d3b-2f1d7e6c5b03"),
        "ipAddress": "203.0.113.9",
        "correlationId": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    assert {name: event[name] for name in expected} == expected
    assert event["context"]["traceId"] == expected["correlationId"]
    gateway = event["gateway"]
    assert (gateway["requestId"], gateway["answeredBy"]) == (request_id, "upstream")
    assert gateway["latencies"] == {"kong": 3, "proxy": 171, "receive": 2, "request": 176}
    assert (gateway["service"]["id"], gateway["route"]["name"]) == ("0b3a4f0e-8f0a-4ef5-9a55-8d6f1c1b7a01", "trino")
    assert gateway["consumer"]["custom_id"] == "u-17"
    assert gateway["uri"] == f"/api/trino/v1/query?page=2&apikey={REDACTED}"
    assert gateway["requestHeaders"]["user-agent"] == "superset/4.1"
    assert gateway["requestHeaders"]["apikey"] == REDACTED
    assert gateway["tls"]["version"] == "TLSv1.3"
    assert door.recorder.paths == ["kong"]


@pytest.mark.parametrize("name", ["key_auth", "no_route", "upstream_down"])
async def test_no_secret_of_an_entry_gets_through(open_door: OpenDoor, name: str) -> None:
    door = await open_door()
    await door.post(
        orjson.dumps([entry(name, custom_fields={"api_token": "SECRET-0", "n": [{"pin": "SECRET"}]})]), KONG
    )
    value = door.publisher.taken[0].value
    assert b"SECRET" not in value
    assert b"custom_fields" in value


async def test_what_kong_answered_itself_is_kongs(open_door: OpenDoor) -> None:
    door = await open_door()
    assert (await door.post(orjson.dumps(entry("no_route")), KONG))[0] == 202
    event = orjson.loads(door.publisher.taken[0].value)
    assert (event["service"], event["statusCode"], event["endpoint"]) == ("kong", 404, "/.env")
    assert event.get("userId") is None
    assert event.get("apiKey") is None


async def test_an_entry_of_an_older_kong_is_told_by_its_content(open_door: OpenDoor) -> None:
    door = await open_door()
    first = orjson.dumps(entry("upstream_down"))
    other = orjson.dumps(entry("upstream_down", started_at=1763957441001))
    ids = [(await door.post(body, KONG))[1]["receipts"][0]["eventId"] for body in (first, first, other)]
    assert ids[0] == ids[1] != ids[2]
    event = orjson.loads(door.publisher.taken[0].value)
    assert event["gateway"]["uri"].endswith(
        f"access_token={REDACTED};X-Amz-Signature={REDACTED}&dry=1#id_token={REDACTED}"
    )
    assert event["gateway"]["requestHeaders"]["referer"] == f"https://portal.example.com/login?code={REDACTED}&lang=en"
    assert [attempt["ip"] for attempt in event["gateway"]["tries"]] == ["10.0.4.1", "10.0.4.2"]


async def test_our_own_requests_are_skipped_and_their_post_succeeds(open_door: OpenDoor) -> None:
    door = await open_door()
    own = entry("own_request")
    status, answer, _ = await door.post(orjson.dumps(own), KONG)
    assert (status, answer) == (
        202, {"accepted": 0, "rejected": 0, "skipped": 1, "receipts": [{"status": "skipped"}]}
    )  # fmt: skip
    by_host = {**own, "service": {"host": "carbon-stream-ingest.data-platform.svc", "name": "renamed"}}
    by_route = {name: value for name, value in own.items() if name != "service"}
    batch = [own, entry("key_auth"), by_host, {}, by_route]
    status, answer, _ = await door.post(orjson.dumps(batch), KONG)
    assert (status, answer["accepted"], answer["rejected"], answer["skipped"]) == (202, 1, 1, 3)
    assert [receipt["status"] for receipt in answer["receipts"]] == [
        "skipped", "accepted", "skipped", "rejected", "skipped"
    ]  # fmt: skip
    assert len(door.publisher.taken) == 1
    another = await open_door()
    another.publisher.outcome = lambda record, n: Failed(True, "Kafka does not answer")
    status, answer, _ = await another.post(orjson.dumps([own, {}, by_host, entry("key_auth")]), KONG)
    assert (status, answer["accepted"], answer["rejected"], answer["skipped"]) == (503, 0, 2, 2)


async def test_somebody_elses_path_like_ours_is_logged(open_door: OpenDoor) -> None:
    door = await open_door()
    body = entry("key_auth")
    body["request"]["uri"] = "/api/carbon-stream/v1/events"
    body["route"]["name"] = "carbon-stream"
    assert (await door.post(orjson.dumps(body), KONG))[1]["accepted"] == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"request": None}, "/request"),
        ({"response": 5}, "/response"),
        ({"latencies": {}}, "/latencies/request"),
        ({"latencies": {"request": -1}}, "/latencies/request"),
        ({"response": {"size": 1}}, "/response/status"),
        ({"response": {"status": 99}}, "/response/status"),
        ({"response": {"status": 200, "size": "x"}}, "/response/size"),
        ({"request": {"method": "GET"}}, "/request/uri"),
        ({"request": {"method": 5, "uri": "/"}}, "/request/method"),
        ({"started_at": 1763957441}, "/started_at"),
        ({"client_ip": 5}, "/client_ip"),
    ],
)
async def test_what_is_wrong_is_pointed_at_in_the_entry(
    open_door: OpenDoor, change: dict[str, Any], pointer: str
) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(entry("key_auth", **change)), KONG)
    assert (status, answer["receipts"][0]["errors"][0]["pointer"]) == (422, pointer)


async def test_an_entry_beyond_any_gateways_head_is_413(open_door: OpenDoor) -> None:
    door = await open_door()
    large = entry("key_auth", custom="x" * ENTRY_BYTES_MAX)
    assert (await door.post(orjson.dumps(large), KONG))[0] == 413
    status, answer, _ = await door.post(orjson.dumps([large, entry("key_auth")]), KONG)
    assert (status, answer["receipts"][0]["errors"][0]["type"]) == (202, "too-large")


async def test_many_entries_are_answered_in_order(open_door: OpenDoor) -> None:
    door = await open_door()
    entries = [entry("no_route" if n % 3 else "own_request") for n in range(260)]
    for n, each in enumerate(entries):
        each["request"]["id"] = f"request-{n}"
    answer = (await door.post(orjson.dumps(entries), KONG))[1]
    expected = ["accepted" if n % 3 else "skipped" for n in range(260)]
    assert [receipt["status"] for receipt in answer["receipts"]] == expected


async def test_lines_and_compressed_bodies_are_taken_too(open_door: OpenDoor) -> None:
    door = await open_door()
    lines = b"\n".join(orjson.dumps(entry(name)) for name in ("key_auth", "no_route"))
    assert (await door.post(lines, KONG, Content_Type="application/x-ndjson"))[1]["accepted"] == 2
    assert (await door.post(b"{", KONG))[0] == 400
    assert (await door.post(b"{}", KONG, Content_Type="text/plain"))[0] == 415


SECRETS = st.sampled_from(["token", "Access_Token", "api-key", "%61pikey", "user[password]", "client_secret", "sig"])
PLAIN = st.sampled_from(["page", "q", "encode", "next"])


@given(
    secrets=st.lists(st.tuples(SECRETS, st.sampled_from(["SECRET", "SEC?RET", "SECRET=", "%53ECRET"])), max_size=3),
    plain=st.lists(st.tuples(PLAIN, st.sampled_from(["kept", "kept?kept", "https://h/kept", "100%"])), max_size=3),
    separators=st.lists(st.sampled_from("&;#"), min_size=6, max_size=6),
    order=st.randoms(),
)
def test_secret_parameters_are_taken_out_wherever_they_stand(
    secrets: list[tuple[str, str]], plain: list[tuple[str, str]], separators: list[str], order: Any
) -> None:
    pairs = [*secrets, *plain]
    order.shuffle(pairs)
    ends = zip(pairs, separators, strict=False)
    url = "https://h/p?" + "".join(f"{name}={value}{end}" for (name, value), end in ends)
    redacted = redact_text(url)
    assert "SEC" not in redacted
    assert "ECRET" not in redacted
    assert redacted.count("kept") == url.count("kept")
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_secret_in_an_encoded_url_in_a_url_is_taken_out(times: int) -> None:
    inner = "https://h/?lang=en&access_token=SECRET"
    for _ in range(times):
        inner = f"https://h/login?lang=de&next={quote(inner, safe='')}"
    assert "SECRET" not in redact_text(inner)
    assert "lang=de" in redact_text(inner)
    assert "SECRET" not in redact_text("https://h/?next=https://i/?token=SECRET")


@pytest.mark.parametrize(
    "text",
    [
        "Bearer SECRET123",
        "see https://user:SECRET@host/x",
        "x eyJhbGciOiJIUzI1NiJ9.SECRETSECRET.SECRET y",
        "eyJhbGciOiJIUzI1NiJ9.SECRETSECRET.SECRET",
        "/reset?Token=SECRET",
    ],
)
def test_secrets_are_known_by_their_look(text: str) -> None:
    assert "SECRET" not in redact_text(text)
    assert REDACTED in redact_text(text)


@pytest.mark.parametrize("text", ["/a?encoding=x&keyboard=y", "basic facts", "mail ana@example.com", "a=b", ""])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_members_by_name_and_numbers_that_are_none() -> None:
    given_value = {"usage": {"prompt_tokens": 5}, "x-api-key": ["SECRET"], "auth": {"deep": "SECRET"}, "session": None}
    assert redact(given_value) == {
        "usage": {"prompt_tokens": 5}, "x-api-key": REDACTED, "auth": REDACTED, "session": None
    }  # fmt: skip


def test_redaction_takes_time_in_proportion() -> None:
    for piece in (
        "?a",
        "&token=",
        "Bearer ",
        "//a:",
        "eyJaaaaa.",
        "basic basic",
        "=&",
        "//@",
        "?a=%",
        "?a=%3Fa%3D%25",
        "-eyJ",
        "&a=%26",
    ):
        redact_text(piece * (600_000 // len(piece)))


def test_reading_leaves_no_reference_to_the_credential() -> None:
    arrival = read_entry(orjson.dumps(entry("key_auth", authenticated_entity={"id": "c", "key": "SECRET"})), 1 << 20)
    assert b"SECRET" not in orjson.dumps(arrival.data)
