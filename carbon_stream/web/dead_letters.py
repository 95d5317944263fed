"""GET /v1/dead-letters and POST /v1/dead-letters/replay.

Who may look and who may replay is the guard's to say (`web/guard`): without access control looking is open to whoever
reaches the service, and replaying needs the admin token.
"""

from typing import Any, Final

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
from carbon_stream.web.small_bodies import bad_request, read_object

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 500
KNOWN_REASONS: Final = (*REASONS, ROW_TOO_LARGE, UNDELIVERABLE, "error", "unknown")
_BODY_MAX: Final = 64 << 10
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
    asked = await read_object(request, _BODY_MAX, "a replay request")
    _check_request(asked)
    return asked


def _check_request(asked: dict[str, Any]) -> None:
    unknown = sorted(set(asked) - {"ids", "reason", "originTopic", "limit", "dryRun"})
    if unknown:
        raise bad_request(unknown[0], "this member is not known")
    if "dryRun" in asked and not isinstance(asked["dryRun"], bool):
        raise bad_request("dryRun", "not true or false")
    if "ids" in asked:
        if len(set(asked) - {"dryRun"}) > 1:
            raise bad_request("ids", "give either ids, or reason, originTopic and limit")
        _check_ids(asked["ids"])
        return
    for name, known in (("reason", KNOWN_REASONS), ("originTopic", tuple(BY_NAME))):
        if name in asked and asked[name] not in known:
            raise bad_request(name, f"not one of {', '.join(known)}")
    if "reason" not in asked and "originTopic" not in asked:
        raise bad_request("", "give ids, or a reason or an originTopic: replaying everything is never meant")
    limit = asked.get("limit", PAGE_DEFAULT)
    if type(limit) not in (int, float) or not 1 <= limit <= REPLAY_MAX or limit != int(limit):
        raise bad_request("limit", f"not an integer from 1 to {REPLAY_MAX}")


def _check_ids(ids: object) -> None:
    if not isinstance(ids, list) or not 1 <= len(ids) <= REPLAY_MAX:
        raise bad_request("ids", f"not an array of 1 to {REPLAY_MAX} ids")
    if not all(isinstance(one, str) and len(one) <= _ID_LENGTH_MAX for one in ids):
        raise bad_request("ids", "an id is a string partition-offset, such as 3-1207")
    if len(set(ids)) < len(ids):
        raise bad_request("ids", "an id is there twice")


def _unavailable(error: Exception) -> ProblemError:
    return ProblemError(503, "Kafka is away", str(error), headers={"Retry-After": "5"})
