"""One event of our own through the gateway, and looked for in a query."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import aiohttp

from carbon_stream.bootstrap.verify.check import Check, judged, unknown
from carbon_stream.settings import Settings

__all__ = ["check_flow"]

_AREA = "flow"
_EXPECTED = "an event sent through the gateway is found by a query"
_WAIT_S = 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def check_flow(settings: Settings, *, wait_s: float = _WAIT_S) -> list[Check]:
    """Sends one audit event of user `carbon-stream-verify`, and asks for it by its id until it is there."""
    gateway, query = settings.gateway_url, settings.query_url
    if gateway is None or query is None:
        names = [
            name
            for name, value in (("CARBON_STREAM_GATEWAY_URL", gateway), ("CARBON_STREAM_QUERY_URL", query))
            if value is None
        ]
        return [unknown(_AREA, "end to end", _EXPECTED, "docs/deploy.md", f"set {' and '.join(names)}")]
    event_id = str(uuid.uuid4())
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=_headers(settings)) as session:
        try:
            refusal = await _send(session, gateway.rstrip("/"), event_id)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = f"{gateway} does not answer ({type(error).__name__} {error})".rstrip()
            return [unknown(_AREA, "end to end", _EXPECTED, gateway, why)]
        if refusal:
            return [judged(_AREA, "end to end", _EXPECTED, "not taken", gateway, [refusal])]
        try:
            waited = await _look(session, query.rstrip("/"), event_id, wait_s)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = f"{query} does not answer ({type(error).__name__} {error})".rstrip()
            return [unknown(_AREA, "end to end", _EXPECTED, query, why)]
    if waited is None:
        look = f"{query.rstrip('/')}/v1/audit/events?eventId={event_id}"
        return [judged(_AREA, "end to end", _EXPECTED, "taken, not found", look, [f"not found within {wait_s:g} s"])]
    return [judged(_AREA, "end to end", _EXPECTED, f"found after {waited:.1f} s", query, [])]


def _headers(settings: Settings) -> dict[str, str]:
    return {} if settings.verify_key is None else {"X-Api-Key": settings.verify_key.get_secret_value()}


async def _send(session: aiohttp.ClientSession, gateway: str, event_id: str) -> str:
    """Why the event was not taken; empty where it was."""
    event = {
        "eventId": event_id,
        "eventType": "AuditUserActionEvent",
        "source": "carbon-stream-verify",
        "userId": "carbon-stream-verify",
        "username": "carbon-stream-verify",
        "action": "VERIFY",
        "resource": "carbon-stream",
        "resourceType": "platform",
        "result": "SUCCESS",
        "ipAddress": "unknown",
    }
    async with session.post(f"{gateway}/v1/events", json=event, allow_redirects=False) as answer:
        text = (await answer.content.read(4_096)).decode("utf-8", "replace")
        return (
            ""
            if answer.status == 202
            else f"{gateway}/v1/events answers {answer.status}: {' '.join(text.split())[:300]}"
        )


async def _look(session: aiohttp.ClientSession, query: str, event_id: str, wait_s: float) -> float | None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    while loop.time() - start < wait_s:
        params = {"eventId": event_id, "limit": "1"}
        async with session.get(f"{query}/v1/audit/events", params=params) as answer:
            if answer.status == 200:
                document: dict[str, Any] = await answer.json()
                if document.get("events"):
                    return loop.time() - start
        await asyncio.sleep(0.25)
    return None
