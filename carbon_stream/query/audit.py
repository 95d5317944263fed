"""GET /v1/audit/summary and /v1/audit/events."""

from __future__ import annotations

import time

from aiohttp import web

from carbon_stream.errors import ProblemError
from carbon_stream.projections.audit import DIMENSIONS
from carbon_stream.query.answers import AS_OF, ROWS_READ, json_answer
from carbon_stream.query.audit_events import AuditEvents, Unavailable
from carbon_stream.query.audit_search import CURSOR_CHARS_MAX, EVENT_TYPES, RESULTS, Search
from carbon_stream.query.consumer_pool import Busy
from carbon_stream.query.parameters import choice, integer, parameters, text
from carbon_stream.query.times import rounded_range, time_ms
from carbon_stream.views.audit import AuditView

AUDIT_VIEW = web.AppKey("audit_view", AuditView)
AUDIT_EVENTS = web.AppKey("audit_events", AuditEvents)
GROUPS = 100
GROUPS_MAX = 1_000
EVENTS = 100
EVENTS_MAX = 1_000
NAME_CHARS_MAX = 8_192
"""Of a user, service, action or resource that is searched for."""
_RETRY_S = 2


def routes() -> list[web.RouteDef]:
    """Needs AUDIT_VIEW, AS_OF and AUDIT_EVENTS in the application."""
    return [web.get("/v1/audit/summary", summary), web.get("/v1/audit/events", events)]


async def summary(request: web.Request) -> web.Response:
    """Counts by one dimension (default `user`) over a range of event time, largest groups first.

    `asOf` is the moment up to which everything the broker had taken is counted; `omitted` is the number of groups
    beyond `limit`. A group with `"overflow": true` stands for entities that were too many to be counted apart.
    """
    given = parameters(request, ("by", "from", "to", "limit"))
    by = choice(given, "by", DIMENSIONS) or "user"
    limit = integer(given, "limit", default=GROUPS, least=1, most=GROUPS_MAX)
    asked = rounded_range(given, int(time.time() * 1000))
    as_of = request.app[AS_OF](AuditView.table)
    counted = await request.app[AUDIT_VIEW].summary(by, asked.start, asked.end, limit)
    return json_answer(
        {"by": by, "from": asked.start, "to": asked.end, "resolution": asked.resolution, "asOf": as_of, **counted}
    )


async def events(request: web.Request) -> web.Response:
    """The events themselves, newest first by their arrival, filtered; `next` continues exactly where the page ended.

    `from` and `to` are of event time. A page has fewer than `limit` events where the bound on records looked at
    (`scanned`) or on time was reached first: as long as `next` is not null there may be more.
    """
    given = parameters(request, _EVENTS_PARAMETERS)
    search = Search(
        user=text(given, "user", NAME_CHARS_MAX),
        service=text(given, "service", NAME_CHARS_MAX),
        action=text(given, "action", NAME_CHARS_MAX),
        resource=text(given, "resource", NAME_CHARS_MAX),
        result=choice(given, "result", RESULTS),
        event_type=choice(given, "eventType", EVENT_TYPES),
        event_id=text(given, "eventId"),
        correlation_id=text(given, "correlationId"),
        start=time_ms(given, "from"),
        end=time_ms(given, "to"),
    )
    limit = integer(given, "limit", default=EVENTS, least=1, most=EVENTS_MAX)
    if search.start is not None and search.end is not None and search.start >= search.end:
        return json_answer({"events": [], "next": None, "scanned": 0, "skipped": 0})
    try:
        page = await request.app[AUDIT_EVENTS].page(search, limit, text(given, "cursor", CURSOR_CHARS_MAX))
    except Busy:
        raise _again("Too many searches", "other searches for events are running, try again soon") from None
    except Unavailable as error:
        raise _again("Events cannot be read", str(error)) from None
    request[ROWS_READ] = len(page.events)
    return json_answer({"events": page.events, "next": page.next, "scanned": page.scanned, "skipped": page.skipped})


_EVENTS_PARAMETERS = (
    *("user", "service", "action", "resource", "result", "eventType", "eventId", "correlationId"),
    *("from", "to", "limit", "cursor"),
)


def _again(title: str, detail: str) -> ProblemError:
    return ProblemError(503, title, detail, headers={"Retry-After": str(_RETRY_S)})
