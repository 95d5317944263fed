"""A set of public keys (RFC 7517), from a file or a URL: read at the start, now and then, and when a key is missing.

A set that cannot be read leaves the last one in use for a day: an issuer that is away for an hour locks nobody out.
After that no key is believed any more. A set is asked for out of turn at most every few seconds, whatever tokens come.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from carbon_stream.access.watching import OnReload, untold

__all__ = ["Jwks", "Key", "parse_jwks"]

_BYTES_MAX: Final = 1 << 20
_KEYS_MAX: Final = 100
_RSA_BITS_MIN: Final = 2_048
_FETCH_S: Final = 5.0

log = logging.getLogger(__name__)


class Key(NamedTuple):
    """A public key that may sign."""

    algorithm: Literal["RS256", "ES256"]
    public: Any


_NONE: Final[Mapping[str, Key]] = MappingProxyType({})


def parse_jwks(text: bytes) -> dict[str, Key]:
    """The usable keys of a set by `kid`. ValueError for what is no set, or has no key that can be used here.

    Passed over: symmetric keys, keys for encryption, RSA below 2,048 bits, curves other than P-256, keys without `kid`
    (but for the only one of a set).
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _KEYS_MAX:
        raise ValueError(f"it is not a set of up to {_KEYS_MAX} keys")
    found: dict[str, Key] = {}
    for jwk in listed:
        key = _usable(jwk) if isinstance(jwk, dict) else None
        kid = jwk.get("kid", "" if len(listed) == 1 else None) if isinstance(jwk, dict) else None
        if key is not None and isinstance(kid, str):
            found[kid] = key
    if not found:
        raise ValueError("it has no key for RS256 (2,048 bits at least) or ES256 with a kid")
    return found


def _usable(jwk: dict[str, Any]) -> Key | None:
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ("verify",)):
        return None
    kinds: dict[Any, Literal["RS256", "ES256"]] = {"RSA": "RS256", "EC": "ES256"}
    algorithm = kinds.get(jwk.get("kty"))
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        return None
    # Only what is public is taken over, whatever else an operator has put into the file.
    plain: dict[str, Any] = {name: jwk[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in jwk}
    try:
        public = jwt.PyJWK(plain, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, RSAPublicKey):
        return Key("RS256", public) if public.key_size >= _RSA_BITS_MIN else None
    if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
        return Key("ES256", public)
    return None


class Jwks:
    """The set at one place, kept fresh. `start` and `stop` it inside an event loop."""

    def __init__(
        self,
        location: str,
        *,
        ca: Path | None = None,
        refresh_s: float = 300.0,
        retry_s: float = 5.0,
        kept_s: float = 86_400.0,
        on_reload: OnReload = untold,
    ) -> None:
        self._location, self._ca = location, ca
        self._refresh_s, self._retry_s, self._kept_s = refresh_s, retry_s, kept_s
        self._on_reload = on_reload
        self._keys: Mapping[str, Key] = _NONE
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def keys(self) -> Mapping[str, Key]:
        """The keys that are believed now; none where they are too old."""
        return self._keys if time.monotonic() - self._read_at < self._kept_s else _NONE

    async def start(self) -> None:
        """Reads the set for the first time, and goes on reading it now and then."""
        await self._read()
        self._task = asyncio.create_task(self._keep(), name="jwks")

    async def stop(self) -> None:
        """No more reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> bool:
        """Reads the set out of turn, unless that was just done. Whether the set is the issuer's present one."""
        asked = time.monotonic()
        async with self._reading:
            if self._tried_at < asked - self._retry_s:
                await self._read_now()
            return self._read_at >= self._tried_at

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s if self._read_at >= self._tried_at else self._retry_s)
            await self._read()

    async def _read(self) -> None:
        async with self._reading:
            await self._read_now()

    async def _read_now(self) -> None:
        self._tried_at = time.monotonic()
        try:
            text = await self._fetch() if "://" in self._location else await asyncio.to_thread(self._load)
            keys = MappingProxyType(parse_jwks(text))
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
            log.error("the key set %s cannot be used: %s", self._location, str(error) or type(error).__name__)
            self._on_reload("jwks", False)
            return
        if keys.keys() != self._keys.keys():
            log.info("the key set has %d keys: %s", len(keys), ", ".join(sorted(keys))[:500])
        self._keys, self._read_at = keys, self._tried_at
        self._on_reload("jwks", True)

    def _load(self) -> bytes:
        with Path(self._location).open("rb") as file:
            return _bounded(file.read(_BYTES_MAX + 1))

    async def _fetch(self) -> bytes:
        context = ssl.create_default_context(cafile=self._ca) if self._ca is not None else True
        timeout = aiohttp.ClientTimeout(total=_FETCH_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(self._location, allow_redirects=False, ssl=context) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"it was answered with {answer.status}")
            text = b""
            async for chunk in answer.content.iter_any():
                text = _bounded(text + chunk)
            return text


def _bounded(text: bytes) -> bytes:
    if len(text) > _BYTES_MAX:
        raise ValueError(f"it has more than {_BYTES_MAX:,} bytes")
    return text
