"""An issuer of tokens with real keys, and the set that it publishes."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "carbon-stream"


class Issuer:
    """Keys by kid; `sign` makes tokens that are good unless told otherwise."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}

    def add_rsa(self, kid: str, bits: int = 2_048) -> None:
        self.keys[kid] = rsa.generate_private_key(public_exponent=65_537, key_size=bits)

    def add_ec(self, kid: str, curve: ec.EllipticCurve | None = None) -> None:
        self.keys[kid] = ec.generate_private_key(curve or ec.SECP256R1())

    def jwk(self, kid: str) -> dict[str, Any]:
        public = self.keys[kid].public_key()
        algorithm = RSAAlgorithm if isinstance(self.keys[kid], rsa.RSAPrivateKey) else ECAlgorithm
        return {**json.loads(algorithm.to_jwk(public)), "kid": kid, "use": "sig"}

    def jwks(self, *kids: str) -> bytes:
        return json.dumps({"keys": [self.jwk(kid) for kid in kids or self.keys]}).encode()

    def sign(
        self,
        kid: str,
        *,
        algorithm: str = "",
        headers: dict[str, Any] | None = None,
        named: bool = True,
        **claims: Any,
    ) -> str:
        now = int(time.time())
        whole = {"sub": "ana", "aud": AUDIENCE, "nbf": now - 5, "exp": now + 600, "roles": ["reader"], **claims}
        kept = {name: value for name, value in whole.items() if value is not None}
        key = self.keys[kid]
        chosen = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
        return jwt.encode(kept, key, algorithm=chosen, headers={**({"kid": kid} if named else {}), **(headers or {})})
