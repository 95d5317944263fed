"""When an endpoint is asked, what it is sent, and what its answer means."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from carbon_stream.delivery.attempt import judge
from carbon_stream.delivery.circuit import BACKOFF_S_MAX, FAILURES_MAX, PAUSE_S_MAX, PAUSE_S_MIN, Circuit, backoff_s
from carbon_stream.delivery.request import MissingSecret, build
from carbon_stream.rules.model import Endpoint, Secret

EVENT = {"eventId": "5d1c", "eventType": "X", "datasetName": 'pri"ces & more', "recordCount": 5, "details": {"a": [1]}}
VALUE = orjson.dumps(EVENT)
HEADERS = [("ce_id", b"5d1c"), ("ce_source", "caf\xe9".encode()), ("traceparent", b"00-a"), ("other", b"no")]


def endpoint(**more: Any) -> Endpoint:
    return Endpoint("pager", "https://hooks.example.org/in", **more)


def test_the_body_is_the_event_as_it_stands_with_the_headers_of_a_cloudevent() -> None:
    request = build(endpoint(), VALUE, HEADERS, 7)
    assert request.body == VALUE
    assert request.headers == {
        "ce-id": "5d1c",
        "ce-source": "caf%C3%A9",
        "traceparent": "00-a",
        "Content-Type": "application/json",
        "Idempotency-Key": "5d1c",
        "User-Agent": "carbon-stream",
    }


def test_a_form_has_the_events_fields_and_objects_as_json() -> None:
    form = {
        "code": "77",
        "name": "${datasetName}",
        "startParams": {"dataset": "${datasetName}", "rows": "${recordCount}"},
    }
    request = build(endpoint(form=form), VALUE, (), 7)
    fields = parse_qs(request.body.decode())
    assert fields["code"] == ["77"]
    assert fields["name"] == ['pri"ces & more']
    assert orjson.loads(fields["startParams"][0]) == {"dataset": 'pri"ces & more', "rows": 5}
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_body_of_its_own_is_json() -> None:
    request = build(endpoint(body={"text": "${datasetName}!", "all": "${details}"}), VALUE, (), 7)
    assert orjson.loads(request.body) == {"text": 'pri"ces & more!', "all": {"a": [1]}}


def test_the_signature_is_that_of_standard_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(24))
    monkeypatch.setenv("HOOK", "whsec_" + base64.b64encode(key).decode())
    headers = build(endpoint(signing=Secret(env="HOOK")), VALUE, (), 1_764_000_000).headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + VALUE
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("5d1c", "1764000000")


def test_the_signature_of_the_standards_own_example() -> None:
    from carbon_stream.delivery.request import signature

    # the example of the Standard Webhooks specification's reference libraries
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert (
        signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_secrets_are_read_when_they_are_needed_and_never_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "token"
    wanted = endpoint(headers={"token": Secret(file=str(path)), "x": "y"})
    with pytest.raises(MissingSecret, match="token cannot be read"):
        build(wanted, VALUE, (), 7)
    path.write_text("sesame\n")
    assert build(wanted, VALUE, (), 7).headers["token"] == "sesame"
    path.write_text("ses\name")
    with pytest.raises(MissingSecret) as caught:
        build(wanted, VALUE, (), 7)
    assert "ses" not in str(caught.value).replace("secret", "")
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(MissingSecret, match="HOOK is not set"):
        build(endpoint(signing=Secret(env="HOOK")), VALUE, (), 7)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(200, "delivered"), (204, "delivered"), (301, "refused"), (400, "refused"), (404, "refused"), (408, "away"),
     (425, "away"), (429, "away"), (500, "failed"), (501, "failed"), (502, "away"), (503, "away"), (504, "away")],
)  # fmt: skip
def test_what_a_status_means(status: int, meaning: str) -> None:
    assert judge(endpoint(), status, None, b"").meaning == meaning


def test_success_may_stand_in_the_answer() -> None:
    wanted = endpoint(success={"code": 0})
    assert judge(wanted, 200, None, b'{"code": 0, "msg": "success"}').meaning == "delivered"
    refused = judge(wanted, 200, None, b'{"code": 50014, "msg": "start process instance error"}')
    assert (refused.meaning, refused.why) == ("failed", "the answer's code is 50014, not 0")
    assert judge(wanted, 200, None, b"<html>").why == "the answer is no JSON"


def test_the_endpoints_own_wish_to_wait_is_heard_within_bounds() -> None:
    assert judge(endpoint(), 429, "7", b"").retry_after_s == 7
    assert judge(endpoint(), 503, "Wed, 21 Oct 2026 07:28:00 GMT", b"").retry_after_s is None
    assert backoff_s(1, 0.0, 7) == 7
    assert backoff_s(1, 0.0, 10**9) == 600


def test_backoff_doubles_with_jitter_up_to_a_bound() -> None:
    assert [backoff_s(n, 1.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff_s(1, 0.0) == 0.25
    assert backoff_s(10_000, 1.0) == BACKOFF_S_MAX


def test_after_some_failures_in_a_row_nobody_asks_for_a_while_and_then_one_does() -> None:
    circuit = Circuit()
    for _ in range(FAILURES_MAX - 1):
        circuit.failed(0.0)
    assert circuit.wait_s(0.0) == 0
    circuit.failed(0.0)
    assert circuit.is_open
    assert circuit.wait_s(1.0) == PAUSE_S_MIN - 1
    assert circuit.wait_s(PAUSE_S_MIN) == 0  # the probe
    assert circuit.wait_s(PAUSE_S_MIN) > 0  # the others
    circuit.failed(PAUSE_S_MIN)
    assert circuit.wait_s(PAUSE_S_MIN) == 2 * PAUSE_S_MIN
    for _ in range(20):
        circuit.failed(100.0)
    assert circuit.wait_s(100.0) == PAUSE_S_MAX
    assert circuit.wait_s(100.0 + PAUSE_S_MAX) == 0
    circuit.dropped()
    assert circuit.wait_s(100.0 + PAUSE_S_MAX) == 0
    circuit.answered()
    assert circuit.wait_s(0.0) == 0
