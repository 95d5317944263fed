"""Who sent a request: what is believed, of whom, and how it is cleaned."""

from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from carbon_stream.enrichment import Consumer, Origin
from carbon_stream.ingest.origin import OriginReader, clean, parse_traceparent

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
GATEWAY = {
    "X-Consumer-Username": "ana",
    "X-Consumer-Custom-ID": "42",
    "X-Credential-Identifier": "key-1",
    "X-Forwarded-For": "203.0.113.9, 10.1.2.3",
    "X-Request-Id": "kong-7",
    "User-Agent": "curl/8",
}


def origin(peer: str | None, headers: Any, *trusted: str) -> Origin:
    request = make_mocked_request("POST", "/v1/events", headers=headers).clone(remote=peer or "")
    return OriginReader([ip_network(network) for network in trusted], clock=lambda: 1_700_000_000.5).read(request)


def test_a_trusted_gateway_is_believed() -> None:
    found = origin("10.0.0.1", GATEWAY, "10.0.0.0/8")
    assert found.consumer == Consumer("ana", "42", "key-1")
    assert found.client_address == "203.0.113.9"
    assert found.request_id == "kong-7"
    assert found.received_at == 1_700_000_000_500


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.168.1.1", "::1", None])
def test_nobody_else_is_believed_not_even_loopback(peer: str | None) -> None:
    found = origin(peer, GATEWAY, "10.0.0.0/8")
    assert found.consumer is None
    assert found.client_address == peer
    assert found.request_id != "kong-7"
    assert found.user_agent == "curl/8"


def test_nobody_is_trusted_unless_set() -> None:
    assert origin("127.0.0.1", GATEWAY).consumer is None


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("6.6.6.6, nonsense, 10.1.2.3", "10.1.2.3"),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        (",".join(["6.6.6.6"] + ["10.0.0.2"] * 1_000), "10.0.0.2"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(forwarded: str, client: str) -> None:
    assert origin("10.0.0.1", {"X-Forwarded-For": forwarded}, "10.0.0.0/8").client_address == client


def test_a_peer_in_ipv6_notation_is_matched_as_ipv4() -> None:
    assert origin("::ffff:10.0.0.1", GATEWAY, "10.0.0.0/8").consumer is not None


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("curl/8", "curl/8"),
        (" a ", "a"),
        ("", None),
        (None, None),
        ("a\x00\x1b[31mb", "a [31mb"),
        ("caf\udcc3\udca9", "café"),
        ("bad\udcff", "bad\ufffd"),
        ("x" * 10_000, "x" * 100),
        ("\x01\x02", None),
    ],
)
def test_values_of_headers_are_bounded_and_clean(given: str | None, cleaned: str | None) -> None:
    assert clean(given, 100) == cleaned


@pytest.mark.parametrize("given", ["x" * 129, "a b", "\u00e9", ""])
def test_request_ids_that_are_no_ids_are_replaced(given: str) -> None:
    assert origin("10.0.0.1", {"X-Request-Id": given}, "10.0.0.0/8").request_id != given


def test_a_traceparent_is_parsed() -> None:
    parsed = parse_traceparent(TRACE)
    assert parsed is not None
    assert (parsed.trace_id, parsed.parent_id, parsed.flags) == (TRACE[3:35], TRACE[36:52], "01")
    assert str(parsed) == TRACE
    later = parse_traceparent("01" + TRACE[2:] + "-what-comes-later")
    assert str(later) == TRACE


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        TRACE.upper(),
        TRACE[:-1],
        TRACE + "-more",
        "ff" + TRACE[2:],
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
        TRACE.replace("4", "g", 1),
    ],
)
def test_an_invalid_traceparent_is_ignored(given: str) -> None:
    assert parse_traceparent(given) is None
    assert origin("10.0.0.1", {"traceparent": given}).trace is None
