"""A small JSON object as a request's body, read within a bound."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from carbon_stream.errors import ProblemError

__all__ = ["BODY_S_MAX", "bad_request", "read_object"]

BODY_S_MAX: Final = 30.0


async def read_object(request: web.Request, most: int, what: str) -> dict[str, Any]:
    """The body of at most so many bytes. Raises ProblemError 400, 408, 413, 415, which speak of `what` it was to be."""
    if request.content_type != "application/json":
        raise ProblemError(415, "Unsupported media type", "send application/json")
    raw = b""
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while len(raw) <= most and not request.content.at_eof():
                raw += await request.content.read(most + 1 - len(raw))
    except TimeoutError:
        detail = f"the body was not complete after {BODY_S_MAX:g} s"
        raise ProblemError(408, "Request timeout", detail, headers={"Connection": "close"}) from None
    if len(raw) > most:
        raise ProblemError(413, "Content too large", f"{what} has {most} bytes at most")
    try:
        asked = orjson.loads(raw)
    except ValueError as error:
        raise ProblemError(400, "Not JSON", f"the body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise bad_request("", "the body is not an object")
    return asked


def bad_request(name: str, message: str) -> ProblemError:
    """A request that cannot be done as it is; `name` is the member that is wrong, if it is one."""
    where = f"{name}: {message}" if name else message
    return ProblemError(400, "Bad request", where, extra={"parameter": name} if name else {})
