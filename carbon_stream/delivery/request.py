"""What is in a request. Pure, but for reading secrets.

The body is the event, or the endpoint's `form` or `body` with the event's fields in it. Headers are those of a
CloudEvent in HTTP's binary mode, `Idempotency-Key` (the event's id: a receiver that knows it takes a repeat for one),
and, with a secret, the signature of Standard Webhooks 1.0.0: HMAC-SHA256 of id, time and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from carbon_stream.rules import paths
from carbon_stream.rules.model import Endpoint, Secret
from carbon_stream.rules.sending import RULE_HEADER

__all__ = ["MissingSecret", "Request", "build", "secret_of", "signature"]

_PREFIX: Final = "whsec_"
_SAFE: Final = "".join(map(chr, range(0x21, 0x7F))).replace("%", "").replace('"', "")


class MissingSecret(Exception):
    """A secret that an endpoint needs is not there; the message names the place, never a value."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be made."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def build(endpoint: Endpoint, value: bytes, headers: Iterable[tuple[str, bytes]], now_s: int) -> Request:
    """The request for an outbox record. Raises MissingSecret, ValueError for a value that is no event."""
    event = orjson.loads(value)
    if not isinstance(event, dict):
        raise ValueError("the record is no JSON object")
    event_id = str(event.get("eventId") or hashlib.sha256(value).hexdigest())
    body, content_type = _body(endpoint, event, value)
    sent = {name: secret_of(held) if isinstance(held, Secret) else held for name, held in endpoint.headers.items()}
    sent |= _cloudevent(headers)
    sent |= {
        "Content-Type": content_type,
        "Idempotency-Key": quote(event_id, safe=_SAFE),
        "User-Agent": "carbon-stream",
    }
    if endpoint.signing is not None:
        key = secret_of(endpoint.signing)
        message_id = sent["Idempotency-Key"]
        sent |= {
            "webhook-id": message_id,
            "webhook-timestamp": str(now_s),
            "webhook-signature": signature(key, message_id, now_s, body),
        }
    return Request(endpoint.method, endpoint.url, sent, body)


def signature(secret: str, message_id: str, now_s: int, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.time.body`, with the secret as Standard Webhooks writes it
    (`whsec_` and base64), or as it stands.
    """
    key = secret.encode()
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise MissingSecret("the signing secret begins with whsec_ and is no base64") from None
    signed = hmac.new(key, f"{message_id}.{now_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def secret_of(secret: Secret) -> str:
    """The value of a secret, read anew each time: a mounted file may be replaced. Raises MissingSecret."""
    if secret.env is not None:
        value = os.environ.get(secret.env, "")
        if not value:
            raise MissingSecret(f"the variable {secret.env} is not set")
        return value
    try:
        value = Path(secret.file or "").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingSecret(f"the secret in {secret.file} cannot be read ({type(error).__name__})") from None
    if not value or not value.isprintable():
        raise MissingSecret(f"the secret in {secret.file} is empty, or has more than one line")
    return value


def _body(endpoint: Endpoint, event: dict[str, Any], value: bytes) -> tuple[bytes, str]:
    if endpoint.form is not None:
        fields = {name: paths.text(paths.fill(template, event)) for name, template in endpoint.form.items()}
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    if endpoint.body is not None:
        return orjson.dumps(paths.fill(endpoint.body, event)), "application/json"
    return value, "application/json"


def _cloudevent(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Kafka's `ce_…` headers as HTTP's (CloudEvents HTTP protocol binding 1.0.2), and what is the same in both."""
    sent = {}
    for name, content in headers:
        text = quote((content or b"").decode("utf-8", "replace"), safe=_SAFE + " %")
        if name.startswith("ce_"):
            sent[f"ce-{name[3:]}"] = text
        elif name in ("traceparent", "tracestate", RULE_HEADER):
            sent[name] = text
    return sent
