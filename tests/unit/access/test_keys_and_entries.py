"""Keys are random, kept as hashes and compared in full; the access file is read strictly."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from carbon_stream.access.entries import parse_access
from carbon_stream.access.keys import hash_of, id_of, new_key, same_hash
from carbon_stream.access.principal import Allowance
from carbon_stream.access.roles import ROLES, Role, holds
from carbon_stream.errors import OperatorError


def test_a_key_is_found_by_its_id_and_known_by_its_hash() -> None:
    made = new_key()
    assert id_of(made.key) == made.id
    assert same_hash(made.key, made.sha256)
    assert made.key not in made.sha256
    assert not same_hash(made.key[:-1] + ("A" if made.key[-1] != "A" else "B"), made.sha256)
    assert not same_hash(made.key, None)
    assert not same_hash("", None)


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(200)]
    assert len({key.key for key in keys}) == len({key.id for key in keys}) == 200


@pytest.mark.parametrize(
    "text", ["", "cs_", "cs_abc_def", "cs_1bcdefghijkl_" + "x" * 43, "cs_abcdefghijkl_" + "x" * 42]
)
def test_what_has_not_the_form_of_a_key_has_no_id(text: str) -> None:
    assert id_of(text) is None


@pytest.mark.parametrize(
    ("held", "needed"),
    [
        ("sender", {"sender"}),
        ("reader", {"reader"}),
        ("auditor", {"reader", "auditor"}),
        ("operator", {"reader", "auditor", "operator"}),
        ("gateway", {"gateway"}),
    ],
)
def test_each_role_includes_exactly_these(held: Role, needed: set[str]) -> None:
    assert {role for role in ROLES if holds([held], role)} == needed


def entry(**fields: Any) -> dict[str, Any]:
    made = {"id": "abcdefghijkl", "name": "loader", "sha256": hash_of("x"), "roles": ["sender"], **fields}
    return {name: value for name, value in made.items() if value is not None}


def parse(**lists: Any) -> Any:
    return parse_access(yaml.safe_dump({"version": 1, **lists}).encode(), "access.yaml")


def test_entries_become_principals() -> None:
    known = parse(
        keys=[entry(sources=["loader-*"], types=["DataIngestionEvent"], rate=10)],
        consumers=[{"username": "portal", "roles": ["reader"]}, {"username": "*", "roles": ["sender"]}],
        workloads=[{"identity": "spiffe://cluster.local/ns/data-platform/sa/trino", "roles": ["sender"]}],
    )
    _, principal = known.keys["abcdefghijkl"]
    assert (principal.name, principal.via, principal.credential_id) == ("loader", "key", "abcdefghijkl")
    assert (principal.rate.events_per_s, principal.rate.burst_events) == (10, 10)
    assert principal.allowance.refusal("loader-7", "DataIngestionEvent") is None
    assert principal.context() == {"name": "loader", "via": "key", "credentialId": "abcdefghijkl"}
    portal, other = known.consumer("portal", "c-1"), known.consumer("somebody", None)
    assert (portal.roles, portal.credential_id, other.name, other.roles) == (
        {"reader"},
        "c-1",
        "somebody",
        {"sender"},
    )
    workload = known.workloads["spiffe://cluster.local/ns/data-platform/sa/trino"]
    assert (workload.via, workload.name) == ("mesh", "spiffe://cluster.local/ns/data-platform/sa/trino")
    assert known.count() == 4


def test_a_consumer_that_nobody_named_is_nobody_without_a_star() -> None:
    assert parse(consumers=[{"username": "portal", "roles": ["reader"]}]).consumer("other", None) is None


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ({"keys": [entry(roles=[])]}, "keys.0.roles"),
        ({"keys": [entry(roles=["admin"])]}, "keys.0.roles.0"),
        ({"keys": [entry(sha256="x")]}, "keys.0.sha256"),
        ({"keys": [entry(id="1bcdefghijkl")]}, "keys.0.id"),
        ({"keys": [entry(types=["PageViewEvent"])]}, "matches no event type"),
        ({"keys": [entry(sources=["a*b"])]}, "keys.0.sources.0"),
        ({"keys": [entry(rate=0)]}, "keys.0.rate"),
        ({"keys": [entry(burst=5)]}, "burst goes with rate"),
        ({"keys": [entry(), entry(name="other")]}, "abcdefghijkl is there twice"),
        ({"keys": [entry(key="cs_…")]}, "keys.0.key"),
        ({"workloads": [{"identity": "trino", "roles": ["sender"]}]}, "workloads.0.identity"),
        ({"users": []}, "users"),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(lists: Any, told: str) -> None:
    with pytest.raises(OperatorError, match=r"access\.yaml: ") as caught:
        parse(**lists)
    assert told in str(caught.value)
    assert hash_of("x") not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"version: 2", b"a: [", b"\xff\xfe\x00", b"version: 1\nkeys: 7"])
def test_what_is_no_access_file_is_refused(text: bytes) -> None:
    with pytest.raises(OperatorError, match=r"access\.yaml"):
        parse_access(text, "access.yaml")


def test_an_empty_file_lets_nobody_in() -> None:
    assert parse().count() == 0


@pytest.mark.parametrize(
    ("expires", "expired"),
    [
        (None, False),
        ("2026-01-02", False),
        ("2026-01-01", True),
        ("2026-01-02T12:00:00Z", True),
        ("2026-01-02T13:00:00", False),
    ],
)
def test_a_date_is_good_until_its_end_and_a_time_until_it_comes(expires: str | None, expired: bool) -> None:
    found, _ = parse(keys=[entry(expires=expires)]).keys["abcdefghijkl"]
    assert found.expired(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()) is expired


def test_yaml_dates_are_taken_as_they_are_written() -> None:
    fields = f"id: abcdefghijkl, name: a, sha256: '{'0' * 64}', roles: [sender], expires: 2026-01-01"
    text = f"version: 1\nkeys:\n- {{{fields}}}"
    found, _ = parse_access(text.encode(), "access.yaml").keys["abcdefghijkl"]
    assert found.expired(datetime(2026, 1, 2, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("allowance", "source", "event_type", "pointer"),
    [
        (Allowance(), "any", "SecurityEvent", None),
        (Allowance(["a"]), "a", "SecurityEvent", None),
        (Allowance(["a"]), "ab", "SecurityEvent", "/source"),
        (Allowance(["a*"]), "ab", "SecurityEvent", None),
        (Allowance(["*"]), "", "SecurityEvent", None),
        (Allowance([]), "a", "SecurityEvent", "/source"),
        (Allowance(None, ["Audit*"]), "a", "AuditAPICallEvent", None),
        (Allowance(None, ["Audit*"]), "a", "SecurityEvent", "/eventType"),
    ],
)
def test_a_source_and_a_type_are_allowed_by_name_or_beginning(
    allowance: Allowance, source: str, event_type: str, pointer: str | None
) -> None:
    for _ in range(2):  # the second time from memory
        refusal = allowance.refusal(source, event_type)
        assert (refusal and refusal[0]) == pointer
