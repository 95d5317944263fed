"""Which tokens are good, and whom they name; each of the ways in which one is not."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from carbon_stream.access.jwks import Key, parse_jwks
from carbon_stream.access.refusals import Denied
from carbon_stream.access.tokens import TokenRules, UnknownSigner, principal_of
from tests.support.tokens import AUDIENCE, Issuer

RULES = TokenRules((AUDIENCE,))


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    made = Issuer()
    made.add_rsa("rsa")
    made.add_ec("ec")
    return made


@pytest.fixture(scope="module")
def keys(issuer: Issuer) -> Mapping[str, Key]:
    return parse_jwks(issuer.jwks())


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_a_good_token_names_its_subject(issuer: Issuer, keys: Mapping[str, Key], kid: str) -> None:
    token = issuer.sign(kid, jti="t-1", roles=["sender", "of-somebody-else"], carbon_stream_sources=["loader*"])
    found = principal_of(token, keys, RULES)
    assert (found.name, found.via, found.credential_id) == ("ana", "token", "t-1")
    assert found.roles == {"sender"}
    assert found.allowance.refusal("loader-1", "SecurityEvent") is None
    assert found.allowance.refusal("other", "SecurityEvent") is not None


@pytest.mark.parametrize(
    ("claim", "roles"),
    [
        ("reader sender", {"reader", "sender"}),
        (["auditor"], {"auditor"}),
        ([], set()),
        (None, set()),
        (7, set()),
        ({"reader": True}, set()),
        ([["reader"], 3], set()),
    ],
)
def test_roles_come_as_a_list_or_as_words(issuer: Issuer, keys: Mapping[str, Key], claim: Any, roles: set[str]) -> None:
    rules = TokenRules((AUDIENCE,), roles_claim="scope")
    assert principal_of(issuer.sign("rsa", scope=claim), keys, rules).roles == roles


def now() -> int:
    return int(time.time())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        (lambda: {"exp": now() - 60}, "expired"),
        (lambda: {"exp": None}, "claims"),
        (lambda: {"nbf": now() + 120}, "not-yet"),
        (lambda: {"nbf": None}, "claims"),
        (lambda: {"aud": "somebody-else"}, "audience"),
        (lambda: {"aud": None}, "claims"),
        (lambda: {"sub": None}, "claims"),
        (lambda: {"sub": ""}, "claims"),
        (lambda: {"sub": "a\nb"}, "claims"),
        (lambda: {"sub": "x" * 300}, "claims"),
        (lambda: {"exp": now() + 90_000}, "lifetime"),
        (lambda: {"nbf": now() - 90_000}, "lifetime"),
        (lambda: {"carbon_stream_sources": "loader"}, "claims"),
        (lambda: {"carbon_stream_types": [1]}, "claims"),
        (lambda: {"carbon_stream_types": ["x"] * 101}, "claims"),
    ],
)
def test_a_token_that_is_not_good_is_refused_by_its_reason(
    issuer: Issuer, keys: Mapping[str, Key], claims: Callable[[], dict[str, Any]], reason: str
) -> None:
    with pytest.raises(Denied) as caught:
        principal_of(issuer.sign("rsa", **claims()), keys, RULES)
    assert (caught.value.status, caught.value.reason) == (401, reason)
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]


def test_an_issuer_is_asked_for_where_one_is_set(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    rules = TokenRules((AUDIENCE,), issuer="https://issuer.example")
    assert principal_of(issuer.sign("ec", iss="https://issuer.example"), keys, rules).name == "ana"
    with pytest.raises(Denied) as caught:
        principal_of(issuer.sign("ec", iss="https://other.example"), keys, rules)
    assert caught.value.reason == "issuer"


def test_a_signature_by_another_key_is_refused(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    forger = Issuer()
    forger.add_rsa("rsa")
    with pytest.raises(Denied) as caught:
        principal_of(forger.sign("rsa"), keys, RULES)
    assert caught.value.reason == "signature"


def test_the_public_key_as_a_shared_secret_is_refused(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    """The classic: HS256 with the RSA key's public text as its secret."""
    pem = (
        issuer.keys["rsa"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, claims = ({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, {"sub": "ana", "aud": AUDIENCE})
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, claims)
    )
    signature = jwt.get_algorithm_by_name("HS256").sign(text.encode(), pem)
    with pytest.raises(Denied) as caught:
        principal_of(f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}", keys, RULES)
    assert caught.value.reason == "algorithm"


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
def test_no_other_algorithm_is_taken(issuer: Issuer, keys: Mapping[str, Key], algorithm: str) -> None:
    with pytest.raises(Denied) as caught:
        principal_of(issuer.sign("rsa", algorithm=algorithm), keys, RULES)
    assert caught.value.reason == "algorithm"


def test_no_signature_is_no_signature(keys: Mapping[str, Key]) -> None:
    with pytest.raises(Denied) as caught:
        principal_of(jwt.encode({"sub": "ana", "aud": AUDIENCE}, "", algorithm="none"), keys, RULES)
    assert caught.value.reason == "algorithm"


def test_a_key_of_the_other_kind_under_the_same_name_is_not_it(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    with pytest.raises(UnknownSigner):
        principal_of(issuer.sign("ec", headers={"kid": "rsa"}), keys, RULES)


def test_extensions_that_a_token_insists_on_are_refused(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    with pytest.raises(Denied) as caught:
        principal_of(issuer.sign("rsa", headers={"crit": ["exp"], "exp": 1}), keys, RULES)
    assert caught.value.reason == "malformed"


def test_where_a_token_says_its_key_is_is_never_looked_at(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    forger = Issuer()
    forger.add_rsa("new")
    with pytest.raises(UnknownSigner):
        principal_of(forger.sign("new", headers={"jwk": forger.jwk("new"), "jku": "https://evil.example"}), keys, RULES)


@pytest.mark.parametrize("token", ["a.b.c", "..", "e30.e30.e30", "eyJhbGciOiJSUzI1NiJ9.e30.", "x" * 5_000 + ".y.z"])
def test_what_is_no_token_is_malformed_or_nobodys(keys: Mapping[str, Key], token: str) -> None:
    with pytest.raises((Denied, UnknownSigner)) as caught:
        principal_of(token, keys, RULES)
    assert not isinstance(caught.value, Denied) or caught.value.reason in ("malformed", "algorithm", "signature")


def test_a_token_without_a_key_id_is_fine_where_only_one_key_fits(issuer: Issuer, keys: Mapping[str, Key]) -> None:
    token = issuer.sign("rsa", named=False)
    assert principal_of(token, keys, RULES).name == "ana"
    with pytest.raises(UnknownSigner):
        principal_of(token, {**keys, "rsa-2": keys["rsa"]}, RULES)


def test_a_set_keeps_what_can_be_used(issuer: Issuer) -> None:
    weak = Issuer()
    weak.add_rsa("weak", bits=1_024)
    weak.add_ec("curve", ec.SECP384R1())
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"}
    encryption = {**issuer.jwk("rsa"), "kid": "enc", "use": "enc"}
    other = {**issuer.jwk("rsa"), "kid": "other", "alg": "RS512"}
    nameless = {name: value for name, value in issuer.jwk("rsa").items() if name != "kid"}
    listed = [weak.jwk("weak"), weak.jwk("curve"), secret, encryption, other, nameless, 7, issuer.jwk("ec")]
    assert set(parse_jwks(json.dumps({"keys": listed}).encode())) == {"ec"}


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": 7}', b'{"keys": [{"kty": "RSA"}]}'])
def test_what_is_no_set_or_has_no_usable_key_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"keys|JSON|key"):
        parse_jwks(text)
