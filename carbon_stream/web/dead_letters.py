"""GET /v1/dead-letters and POST /v1/dead-letters/replay.

Who may look and who may replay is the guard's to say (`web/guard`): without access control looking is open to whoever
reaches the service, and replaying needs the admin token.
"""

import asyncio
from typing import Any, Final

import orjson
from aiohttp import web

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.codec import REASONS
from carbon_stream.dead_letters.reader import BadCursor, DeadLetterReader, Unavailable
from carbon_stream.dead_letters.replay import REPLAY_MAX, Replayer, selector
from carbon_stream.delivery.lane import UNDELIVERABLE
from carbon_stream.errors import ProblemError
from carbon_stream.query.answers import ROWS_READ
from carbon_stream.query.parameters import choice, integer, parameters, refused
from carbon_stream.streaming.unit import ROW_TOO_LARGE
from carbon_stream.web.problems import json_response

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 500
KNOWN_REASONS: Final = (*REASONS, ROW_TOO_LARGE, UNDELIVERABLE, "error", "unknown")
_BODY_MAX: Final = 64 << 10
BODY_S_MAX: Final = 30.0
_ID_LENGTH_MAX: Final = 40

READER: Final = web.AppKey("dead_letter_reader", DeadLetterReader)
REPLAYER: Final = web.AppKey("dead_letter_replayer", Replayer)


def routes() -> list[web.RouteDef]:
    """Routes that find READER and REPLAYER in the application."""
    return [
        web.get("/v1/dead-letters", list_letters),
        web.post("/v1/dead-letters/replay", replay),
    ]


async def list_letters(request: web.Request) -> web.Response:
    """A page of dead letters, newest first: {"deadLetters": [...], "next", "scanned"}."""
    given = parameters(request, ("limit", "cursor", "reason", "originTopic"))
    limit = integer(given, "limit", default=PAGE_DEFAULT, least=1, most=PAGE_MAX)
    accept = selector(choice(given, "reason", KNOWN_REASONS), choice(given, "originTopic", BY_NAME))
    try:
        page = await request.app[READER].page(limit, given.get("cursor"), accept)
    except BadCursor as error:
        raise refused("cursor", str(error)) from error
    except Unavailable as error:
        raise _unavailable(error) from error
    request[ROWS_READ] = len(page.letters)
    return json_response(
        {
            "deadLetters": [letter.document() for letter in page.letters],
            "next": page.next,
            "scanned": page.scanned,
        }
    )


async def replay(request: web.Request) -> web.Response:
    """Replay letters by id, or the newest of one reason and origin; an outcome for each.

    200 with a result for each letter, whose ``code`` says what it would have been alone: 200, 404, 409, 422 or 503.
    """
    parameters(request, ())
    asked = await _read_request(request)
    replayer = request.app[REPLAYER]
    dry_run = bool(asked.get("dryRun", False))
    try:
        if "ids" in asked:
            results = await replayer.replay_ids(asked["ids"], dry_run=dry_run)
        else:
            results = await replayer.replay_matching(
                asked.get("reason"), asked.get("originTopic"), int(asked.get("limit", PAGE_DEFAULT)), dry_run=dry_run
            )
    except Unavailable as error:
        raise _unavailable(error) from error
    taken = sum(result["code"] == 200 for result in results)
    return json_response({"replayed": 0 if dry_run else taken, "refused": len(results) - taken, "results": results})


async def _read_request(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise ProblemError(415, "Unsupported media type", "send application/json")
    raw = b""
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while len(raw) <= _BODY_MAX and not request.content.at_eof():
                raw += await request.content.read(_BODY_MAX + 1 - len(raw))
    except TimeoutError:
        detail = f"the body was not complete after {BODY_S_MAX:g} s"
        raise ProblemError(408, "Request timeout", detail, headers={"Connection": "close"}) from None
    if len(raw) > _BODY_MAX:
        raise ProblemError(413, "Content too large", f"a replay request has {_BODY_MAX} bytes at most")
    try:
        asked = orjson.loads(raw)
    except ValueError as error:
        raise ProblemError(400, "Not JSON", f"the body is not JSON: {error}") from error
    _check_request(asked)
    return dict(asked)


def _check_request(asked: object) -> None:
    if not isinstance(asked, dict):
        raise _bad_request("", "the body is not an object")
    unknown = sorted(set(asked) - {"ids", "reason", "originTopic", "limit", "dryRun"})
    if unknown:
        raise _bad_request(unknown[0], "this member is not known")
    if "dryRun" in asked and not isinstance(asked["dryRun"], bool):
        raise _bad_request("dryRun", "not true or false")
    if "ids" in asked:
        if len(set(asked) - {"dryRun"}) > 1:
            raise _bad_request("ids", "give either ids, or reason, originTopic and limit")
        _check_ids(asked["ids"])
        return
    for name, known in (("reason", KNOWN_REASONS), ("originTopic", tuple(BY_NAME))):
        if name in asked and asked[name] not in known:
            raise _bad_request(name, f"not one of {', '.join(known)}")
    if "reason" not in asked and "originTopic" not in asked:
        raise _bad_request("", "give ids, or a reason or an originTopic: replaying everything is never meant")
    limit = asked.get("limit", PAGE_DEFAULT)
    if type(limit) not in (int, float) or not 1 <= limit <= REPLAY_MAX or limit != int(limit):
        raise _bad_request("limit", f"not an integer from 1 to {REPLAY_MAX}")


def _check_ids(ids: object) -> None:
    if not isinstance(ids, list) or not 1 <= len(ids) <= REPLAY_MAX:
        raise _bad_request("ids", f"not an array of 1 to {REPLAY_MAX} ids")
    if not all(isinstance(one, str) and len(one) <= _ID_LENGTH_MAX for one in ids):
        raise _bad_request("ids", "an id is a string partition-offset, such as 3-1207")
    if len(set(ids)) < len(ids):
        raise _bad_request("ids", "an id is there twice")


def _bad_request(name: str, message: str) -> ProblemError:
    where = f"{name}: {message}" if name else message
    return ProblemError(400, "Bad request", where, extra={"parameter": name} if name else {})


def _unavailable(error: Exception) -> ProblemError:
    return ProblemError(503, "Kafka is away", str(error), headers={"Retry-After": "5"})
