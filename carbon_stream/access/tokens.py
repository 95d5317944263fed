"""JSON Web Tokens, for installations without a gateway: what makes one good, and whom it names.

RS256 and ES256 only, keys by `kid` from a key set that the operator named; what a token says about where its key is
(`jku`, `jwk`, `x5u`) is never looked at. `exp`, `nbf`, `aud` and `sub` must be there, and the time between now and
`exp`, and between `nbf` and `exp`, is bounded, as at the gateway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from carbon_stream.access.jwks import Key
from carbon_stream.access.principal import Allowance, Principal
from carbon_stream.access.refusals import denied
from carbon_stream.access.roles import ROLES, Role

__all__ = ["SOURCES_CLAIM", "TYPES_CLAIM", "TokenRules", "UnknownSigner", "principal_of"]

SOURCES_CLAIM: Final = "carbon_stream_sources"
TYPES_CLAIM: Final = "carbon_stream_types"
_LEEWAY_S: Final = 30
_NAME_CHARS_MAX: Final = 256
_PATTERNS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What the operator asks of tokens."""

    audiences: tuple[str, ...]
    issuer: str | None = None
    lifetime_max_s: int = 86_400
    roles_claim: str = "roles"


class UnknownSigner(Exception):
    """No key of the set has signed the token; a newer set may have one that has."""


def principal_of(
    token: str, keys: Mapping[str, Key], rules: TokenRules, clock: Callable[[], float] = time.time
) -> Principal:
    """Whom a token names. Raises Denied for one that is not good, UnknownSigner where its key is not there."""
    key = _signer(token, keys)
    claims = _claims(token, key, rules)
    _check_lifetime(claims, rules, clock())
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= _NAME_CHARS_MAX or not subject.isprintable():
        raise denied("claims", f"the token's sub is not a name of 1 to {_NAME_CHARS_MAX} characters")
    identity = claims.get("jti")
    told = identity if isinstance(identity, str) and 0 < len(identity) <= 128 and identity.isprintable() else None
    allowance = Allowance(_patterns(claims, SOURCES_CLAIM), _patterns(claims, TYPES_CLAIM))
    return Principal(subject, "token", _roles(claims.get(rules.roles_claim)), told, allowance)


def _signer(token: str, keys: Mapping[str, Key]) -> Key:
    try:
        header = jwt.get_unverified_header(token)
    except PyJWTError:
        raise denied("malformed", "the bearer token is no JSON Web Token") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ("RS256", "ES256"):
        raise denied("algorithm", "a token is signed with RS256 or ES256")
    if "crit" in header or header.get("b64") is False:
        raise denied("malformed", "the token asks for extensions that are not known here (crit)")
    fitting = {name: key for name, key in keys.items() if key.algorithm == algorithm}
    if kid is None and len(fitting) == 1:
        return next(iter(fitting.values()))
    if not isinstance(kid, str) or kid not in fitting:
        raise UnknownSigner
    return fitting[kid]


def _claims(token: str, key: Key, rules: TokenRules) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=rules.audiences,
            issuer=rules.issuer,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "nbf", "aud", "sub"], "verify_iat": False},
        )
    except InvalidSignatureError:
        raise denied("signature", "the token's signature is not that of the key that it names") from None
    except ExpiredSignatureError:
        raise denied("expired", "the token has expired") from None
    except ImmatureSignatureError:
        raise denied("not-yet", "the token is not valid yet (nbf)") from None
    except InvalidAudienceError:
        raise denied("audience", "the token is meant for somebody else (aud)") from None
    except InvalidIssuerError:
        raise denied("issuer", "the token is of another issuer (iss)") from None
    except MissingRequiredClaimError as error:
        raise denied("claims", f"the token lacks the claim {error.claim}") from None
    except (PyJWTError, ValueError, TypeError, RecursionError):
        raise denied("malformed", "the token is not well formed") from None


def _check_lifetime(claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
    try:
        expires, begins = float(claims["exp"]), float(claims["nbf"])
    except (TypeError, ValueError, OverflowError):
        raise denied("claims", "the token's exp and nbf are not numbers") from None
    if not max(expires - now, expires - begins) <= rules.lifetime_max_s + _LEEWAY_S:
        raise denied("lifetime", f"a token may be good for {rules.lifetime_max_s:,} s at most")


def _roles(claim: Any) -> frozenset[Role]:
    """The roles that a claim names, as a list or separated by spaces; words that are no roles of ours are others'."""
    words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(role for role in ROLES if role in words)


def _patterns(claims: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """None where the claim is absent: then nothing is limited. Anything but a list of names is refused."""
    found = claims.get(name)
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > _PATTERNS_MAX or not all(isinstance(each, str) for each in found):
        raise denied("claims", f"the token's {name} is not a list of up to {_PATTERNS_MAX} names")
    return tuple(found)
