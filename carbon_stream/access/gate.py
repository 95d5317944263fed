"""From what a request shows of itself to who it is. The order of ways is fixed, and a wrong credential is never passed
over in favour of a weaker one.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from carbon_stream.access.entries import NOBODY, Known
from carbon_stream.access.jwks import Jwks
from carbon_stream.access.keys import KEY_PREFIX, id_of, same_hash
from carbon_stream.access.principal import Principal
from carbon_stream.access.refusals import denied, not_now
from carbon_stream.access.tokens import TokenRules, UnknownSigner, principal_of

__all__ = ["CREDENTIAL_CHARS_MAX", "Gate", "Shown", "Tokens", "credential_of"]

CREDENTIAL_CHARS_MAX: Final = 8_192
_ADMIN: Final = "admin-token"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows. Consumer and workload are there only where who says so is believed."""

    authorization: Sequence[str] = ()
    """Values of the header Authorization."""
    api_key: Sequence[str] = ()
    """Values of the header X-Api-Key."""
    consumer: str | None = None
    consumer_credential: str | None = None
    workload: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """How tokens are judged."""

    rules: TokenRules
    jwks: Jwks


@dataclass(slots=True)
class Gate:
    """The ways that are open. `known` gives the access file's entries as they are now."""

    keys: bool = False
    gateway: bool = False
    mesh: bool = False
    tokens: Tokens | None = None
    admin_token: str = ""
    known: Callable[[], Known] = field(default=lambda: NOBODY)
    clock: Callable[[], float] = time.time

    async def principal(self, shown: Shown) -> Principal:
        """Who it is. Raises Denied (401), or ProblemError 503 while tokens cannot be judged."""
        credential = None if self._is_the_gateways(shown) else credential_of(shown)
        if credential is not None:
            found = await self._by_credential(credential)
            if found is not None:
                return found
        found = self._by_word(shown)
        if found is not None:
            return found
        if credential is not None:
            raise denied("unknown", "the credential is of a kind that is not taken here")
        raise denied("missing", f"send {self._wanted()}")

    async def _by_credential(self, credential: str) -> Principal | None:
        """None for a credential that is for somebody else, such as one that the gateway has checked already."""
        if self.admin_token and _same(credential, self.admin_token):
            return Principal(_ADMIN, _ADMIN, frozenset({"operator"}))
        if credential.startswith(KEY_PREFIX):
            return self._by_key(credential) if self.keys else None
        if self.tokens is not None and credential.count(".") == 2:
            return await self._by_token(credential, self.tokens)
        if self.gateway or self.mesh:
            return None
        raise denied("malformed", f"the credential is none of those that are taken here; send {self._wanted()}")

    def _by_key(self, key: str) -> Principal:
        entry, principal = self.known().keys.get(id_of(key) or "", (None, None))
        if not same_hash(key, entry.sha256 if entry else None) or entry is None or principal is None:
            raise denied("unknown", "the key is not known here, or no longer")
        if entry.expired(self.clock()):
            raise denied("expired", "the key has expired")
        return principal

    async def _by_token(self, token: str, tokens: Tokens) -> Principal:
        try:
            return principal_of(token, tokens.jwks.keys(), tokens.rules, self.clock)
        except UnknownSigner:
            current = await tokens.jwks.refresh()
        try:
            return principal_of(token, tokens.jwks.keys(), tokens.rules, self.clock)
        except UnknownSigner:
            if not current:  # the key may be a new one: that is for the issuer to say
                raise not_now("the token cannot be judged now: the issuer's keys cannot be read", 5) from None
            raise denied("signature", "the token is signed with a key that is not in the issuer's set") from None

    def _by_word(self, shown: Shown) -> Principal | None:
        """By what the gateway or our own sidecar says of the request."""
        if self.gateway and shown.consumer is not None:
            found = self.known().consumer(shown.consumer, shown.consumer_credential)
            return found or Principal(shown.consumer, "gateway", frozenset(), shown.consumer_credential)
        if self.mesh and shown.workload is not None:
            return self.known().workloads.get(shown.workload) or Principal(shown.workload, "mesh", frozenset())
        return None

    def _is_the_gateways(self, shown: Shown) -> bool:
        """Whether the gateway has passed on a credential that was for itself: a scheme that is never ours."""
        schemes = {value.strip().partition(" ")[0].lower() for value in shown.authorization}
        return self.gateway and shown.consumer is not None and bool(schemes) and "bearer" not in schemes

    def _wanted(self) -> str:
        ways = []
        if self.keys:
            ways.append("an API key as Authorization: Bearer cs_… (or X-Api-Key)")
        if self.tokens is not None:
            ways.append("a JSON Web Token as Authorization: Bearer …")
        if self.gateway:
            ways.append("the request through the gateway, with a credential of its")
        if self.mesh:
            ways.append("the request from a workload of the mesh")
        if self.admin_token and not ways:
            ways.append("the admin token as Authorization: Bearer …")
        return ", or ".join(ways) or "nothing: no way is open"


def credential_of(shown: Shown) -> str | None:
    """The one credential that was sent, if any. Raises Denied for several, and for one that is none."""
    values = [*shown.authorization, *shown.api_key]
    if not values:
        return None
    if len(values) > 1:
        raise denied("malformed", "send one credential: Authorization once, or X-Api-Key once")
    credential = values[0].strip()
    if shown.authorization:
        scheme, _, credential = credential.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise denied("malformed", "send the credential as Authorization: Bearer …")
    if not credential:
        raise denied("malformed", "the header X-Api-Key is empty")
    if len(credential) > CREDENTIAL_CHARS_MAX:
        raise denied("malformed", f"a credential may have {CREDENTIAL_CHARS_MAX:,} characters")
    return credential


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), kept.encode())
