"""Talking to Kong's Admin API: paging, retries of what passes, and refusals in words that hold no secret."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from carbon_stream.bootstrap.gateway.access import ssl_of, token_of
from carbon_stream.bootstrap.gateway.secrets import Redactor
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["Admin", "Patience", "Refused", "Unreachable", "connected", "path_of"]

_TOKEN_HEADER = "Kong-Admin-Token"  # noqa: S105 - the name of a header
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGE = 1_000
_PAGES_MAX = 10_000
_WAIT_S_MAX = 10.0
_TEXT_MAX = 600


class Refused(OperatorError):
    """The Admin API said no, and would again. `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Unreachable(OperatorError):
    """No answer, or none but "try again", for as long as we try."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried, and how long to wait before the second try, seconds; doubled for each further."""

    tries: int = 6
    first_wait_s: float = 0.25
    timeout_s: float = 30.0


def path_of(*parts: str) -> str:
    """A path below the Admin API's address; each part is percent-encoded in whole."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


@asynccontextmanager
async def connected(settings: Settings, redact: Redactor, patience: Patience | None = None) -> AsyncIterator[Admin]:
    """A connection to the Admin API of the settings."""
    token = token_of(settings)
    redact.learn(token)
    headers = {"Accept": "application/json"}
    if token is not None:
        headers[_TOKEN_HEADER] = token.get_secret_value()
    patience = patience or Patience()
    timeout = aiohttp.ClientTimeout(total=patience.timeout_s)
    connector = aiohttp.TCPConnector(ssl=ssl_of(settings), limit=8)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield Admin(session, settings.kong_admin_url.rstrip("/"), redact, patience)


class Admin:
    """The Admin API. Every call may be repeated: entities are put under their name or id, never posted."""

    def __init__(self, session: aiohttp.ClientSession, url: str, redact: Redactor, patience: Patience) -> None:
        self._session = session
        self._url = url
        self._redact = redact
        self._patience = patience

    async def get(self, path: str) -> Any:
        """The answer to a GET, parsed. Refused (404 among others), Unreachable."""
        return await self._ask("GET", path)

    async def find(self, path: str) -> Any | None:
        """As `get`; None for 404."""
        try:
            return await self.get(path)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def all(self, path: str, query: str = "") -> list[dict[str, Any]]:
        """Every entity of a collection, page by page."""
        found: list[dict[str, Any]] = []
        offset = ""
        for _ in range(_PAGES_MAX):
            page = await self._ask("GET", f"{path}?size={_PAGE}{query}{offset}")
            data = page.get("data") if isinstance(page, Mapping) else None
            if not isinstance(data, list):
                raise Refused(200, f"GET {path} answered with no list: is {self._url} an Admin API of Kong 3?")
            found += data
            if not page.get("offset"):
                return found
            offset = f"&offset={quote(str(page['offset']), safe='')}"
        raise Refused(200, f"GET {path} has no end: {_PAGES_MAX} pages")

    async def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Creates or replaces an entity; the entity as Kong has it then."""
        answer = await self._ask("PUT", path, body)
        return dict(answer) if isinstance(answer, Mapping) else {}

    async def delete(self, path: str) -> None:
        """Deletes an entity; that it is gone already is no error."""
        try:
            await self._ask("DELETE", path)
        except Refused as error:
            if error.status != 404:
                raise

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Posts a body that means the same however often it is posted: a whole configuration."""
        await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        wait_s, why = self._patience.first_wait_s, ""
        for attempt in range(1, self._patience.tries + 1):
            asked_wait: str | None = None
            try:
                async with self._session.request(method, self._url + path, json=body, allow_redirects=False) as reply:
                    text = await reply.text()
                    if reply.status < 300:
                        return _parsed(text, f"{method} {path.partition('?')[0]}", self._url)
                    why = f"{reply.status} {self._told(text)}".rstrip()
                    asked_wait = reply.headers.get("Retry-After")
                    if reply.status not in _TRANSIENT:
                        raise Refused(reply.status, self._refusal(method, path, reply.status, why))
            except (aiohttp.ClientSSLError, ssl.SSLError) as error:
                raise Unreachable(self._tls(error)) from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = self._redact(f"{type(error).__name__} {error}".rstrip())
            if attempt < self._patience.tries:
                await asyncio.sleep(min(_seconds(asked_wait, wait_s), _WAIT_S_MAX))
                wait_s *= 2
        shown = path.partition("?")[0]
        raise Unreachable(f"{method} {shown} at {self._url}: {why}; tried {self._patience.tries} times")

    def _told(self, text: str) -> str:
        """What Kong says: its message and the fields it names, on one line."""
        try:
            document = json.loads(text)
        except ValueError:
            return self._redact(" ".join(text.split()))[:_TEXT_MAX]
        if not isinstance(document, Mapping):
            return ""
        parts = [str(document["message"])] if document.get("message") else []
        if document.get("fields"):
            parts.append(json.dumps(document["fields"], ensure_ascii=False))
        if not parts and document.get("error"):
            parts.append(json.dumps(document["error"], ensure_ascii=False))
        if document.get("name") and document.get("code"):
            parts.append(f"({document['name']}, code {document['code']})")
        return self._redact(" ".join(" ".join(parts).split()))[:_TEXT_MAX]

    def _refusal(self, method: str, path: str, status: int, why: str) -> str:
        shown = path.partition("?")[0]
        text = f"{method} {shown} was refused: {why}"
        if status in (401, 403):
            return (
                f"{text}; the token (CARBON_STREAM_KONG_ADMIN_TOKEN or …_TOKEN_FILE) must be of a user who may"
                f" {'read' if method == 'GET' else 'change'} this, see docs/api-gateway.md"
            )
        if 300 <= status < 400:
            return f"{text}: redirects are not followed, give the address itself (CARBON_STREAM_KONG_ADMIN_URL)"
        return text

    def _tls(self, error: Exception) -> str:
        reason = getattr(error, "certificate_error", None) or error
        why = getattr(reason, "verify_message", None) or getattr(reason, "reason", None) or type(error).__name__
        return (
            f"TLS with {self._url} failed ({why}): is CARBON_STREAM_KONG_ADMIN_CA the authority that signed its"
            " certificate, is the certificate for this host, and does the port speak TLS?"
        )


def _parsed(text: str, asked: str, url: str) -> Any:
    if not text:
        return {}
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(200, f"{asked} answered with no JSON: is {url} an Admin API of Kong 3?") from None


def _seconds(asked: str | None, otherwise: float) -> float:
    """What Retry-After says, where it is in seconds."""
    return float(asked) if asked is not None and asked.isdigit() else otherwise
