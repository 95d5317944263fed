"""One request to an endpoint, and what its outcome means for the event."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import orjson

from carbon_stream.delivery.guard import GuardedResolver
from carbon_stream.delivery.request import MissingSecret, build
from carbon_stream.rules import paths
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.match import Test
from carbon_stream.rules.model import Endpoint

__all__ = ["Attempts", "Verdict"]

ANSWER_BYTES_MAX = 64 * 1024
PASSING = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say: not now. Of others, 5xx may be the event's fault as well as the endpoint's."""

Meaning = Literal["delivered", "away", "failed", "refused"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a request. `away`: the endpoint could not be asked, try as long as the event may wait. `failed`: it
    answered with an error of its own, try a few times. `refused`: the same request would be refused again.
    """

    meaning: Meaning
    why: str = ""
    retry_after_s: float | None = None


class Attempts:
    """Makes requests, with connections of its own. `close` at the end."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        connector = aiohttp.TCPConnector(resolver=GuardedResolver(hosts), ttl_dns_cache=10, limit=64)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, skip_auto_headers=("Accept",)
        )

    async def make(self, endpoint: Endpoint, value: bytes, headers: Iterable[tuple[str, bytes]]) -> Verdict:
        """Make one request. Raises nothing but CancelledError."""
        try:
            request = build(endpoint, value, headers, int(time.time()))
        except MissingSecret as error:
            return Verdict("away", str(error))
        except ValueError as error:
            return Verdict("refused", f"no request can be made of it: {error}")
        timeout = aiohttp.ClientTimeout(total=endpoint.timeout_s, sock_connect=min(5.0, endpoint.timeout_s))
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=timeout,
                allow_redirects=False,  # a redirect could lead to where no rule may send
            ) as answer:
                body = await _read(answer.content)
                return judge(endpoint, answer.status, answer.headers.get("Retry-After"), body)
        except TimeoutError:
            return Verdict("away", f"no answer within {endpoint.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Verdict("away", f"{type(error).__name__}: {error}"[:300])

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The answer's beginning: what is said in it is looked at only where the endpoint asks for it."""
    read = b""
    while len(read) < ANSWER_BYTES_MAX and (chunk := await content.read(ANSWER_BYTES_MAX - len(read))):
        read += chunk
    return read


def judge(endpoint: Endpoint, status: int, retry_after: str | None, body: bytes) -> Verdict:
    """What an answer means."""
    if 200 <= status < 300:
        why = _unlike(endpoint, body)
        return Verdict("delivered") if why is None else Verdict("failed", why)
    wait_s = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    if status in PASSING:
        return Verdict("away", f"status {status}", wait_s)
    if status >= 500:
        return Verdict("failed", f"status {status}", wait_s)
    return Verdict("refused", f"status {status}" + (", and redirects are not followed" if status < 400 else ""))


def _unlike(endpoint: Endpoint, body: bytes) -> str | None:
    """What in the answer's JSON is not as the endpoint says that success looks; None if all of it is."""
    if not endpoint.success:
        return None
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the answer is no JSON"
    for name, value in endpoint.success.items():
        if not Test("exact", name, paths.parts(name), value).holds(said):
            found = paths.get(said, paths.parts(name))
            shown = found if isinstance(found, int | float | bool) else type(found).__name__
            return f"the answer's {name} is {shown}, not {value!r}"
    return None
