"""Who calls inside a mesh: the peer's identity that our own sidecar puts into X-Forwarded-Client-Cert. Pure.

Envoy writes one element a proxy, separated by commas, of pairs separated by semicolons; values with either in them are
quoted. The last element is the one that our own sidecar has appended (`APPEND_FORWARD`, Istio's default, or
`SANITIZE_SET`), about whom it has shaken hands with; earlier ones are hearsay. Of a connection without mutual TLS the
sidecar forwards no such header at all, whatever was sent.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["HEADER", "caller_of"]

HEADER: Final = "X-Forwarded-Client-Cert"
_HEADER_CHARS_MAX: Final = 16_384
_IDENTITY_CHARS_MAX: Final = 2_048
"""Of a SPIFFE ID (SPIFFE-ID 2.4)."""


def caller_of(headers: Sequence[str]) -> str | None:
    """The SPIFFE ID of the peer, from the header's values in order; None where there is none to believe.

    A certificate of SPIFFE's has exactly one URI; an element with none or several names nobody.
    """
    text = ",".join(headers)
    if not text or len(text) > _HEADER_CHARS_MAX:
        return None
    elements = _split(text, ",")
    if elements is None:
        return None
    pairs = _split(elements[-1], ";")
    named = [value for name, _, value in (pair.partition("=") for pair in pairs or ()) if name.strip().lower() == "uri"]
    if len(named) != 1:
        return None
    identity = _unquoted(named[0].strip())
    plain = identity.isascii() and identity.isprintable() and " " not in identity
    return identity if plain and identity.startswith("spiffe://") and len(identity) <= _IDENTITY_CHARS_MAX else None


def _split(text: str, separator: str) -> list[str] | None:
    """At separators outside of quotes; None where a quote is not closed."""
    parts: list[str] = []
    begin = 0
    quoted = escaped = False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begin:place])
            begin = place + 1
    return None if quoted else [*parts, text[begin:]]


def _unquoted(value: str) -> str:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value
