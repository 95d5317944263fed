"""POST /api/v1/lineage and /api/v1/lineage/batch, answered as OpenLineage's specification and clients have it."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web

from carbon_stream.contracts import codec, limits
from carbon_stream.contracts.codec import Invalid
from carbon_stream.errors import ProblemError
from carbon_stream.ingest.body import Body
from carbon_stream.ingest.delivery import Failed, Spooled, Stored
from carbon_stream.ingest.formats import native
from carbon_stream.ingest.formats.reading import Arrival
from carbon_stream.ingest.limits import RETRY_AFTER_S
from carbon_stream.ingest.openlineage.mapping import events_of
from carbon_stream.ingest.openlineage.models import parse_event
from carbon_stream.ingest.pipeline import NOT_JSON_REASONS, Checked, Pipeline
from carbon_stream.ingest.receipts import CONFLICT, TOO_LARGE, UNAVAILABLE, Rejected, rejected
from carbon_stream.ingest.refused_bodies import count_refused
from carbon_stream.ingest.repeats.admission import Conflict, Duplicate, Result
from carbon_stream.ingest.repeats.window import Mark
from carbon_stream.ingest.service import INGEST, Ingest
from carbon_stream.routing import Record

__all__ = ["routes"]

_PATH: Final = "openlineage"
_CHUNK_RECORDS: Final = 500
_CONFLICT: Final = "another event with the id that follows from this one was taken before"
_STATUSES: Final = {Stored: "accepted", Spooled: "spooled", Duplicate: "duplicate"}
_NESTING: Final = limits.NESTING - 1
"""A document stands one level deeper in the event that keeps it."""
_LARGE_BODY_BYTES: Final = 4 << 20


class Part(NamedTuple):
    """One document's records, or why there are none."""

    records: list[Record]
    marks: list[Mark | None]
    rejection: Rejected | None


@dataclass(slots=True)
class Results:
    """What became of the documents of a request."""

    received: int = 0
    taken: dict[tuple[str, str], int] = field(default_factory=dict)
    failed: dict[int, Rejected] = field(default_factory=dict)

    def settle(self, chunk: list[tuple[int, Part]], outcomes: Iterator[Result]) -> None:
        """Adds a chunk's documents; `outcomes` are those of their records, in order."""
        for index, part in chunk:
            if part.rejection is not None:
                self.failed[index] = part.rejection
            for record in part.records:
                outcome = next(outcomes)
                if isinstance(outcome, Conflict):
                    self.failed.setdefault(index, rejected(None, CONFLICT, _CONFLICT))
                elif not isinstance(outcome, Failed):
                    status = _STATUSES[type(outcome)]
                    self.taken[status, record.topic] = self.taken.get((status, record.topic), 0) + 1
                elif index not in self.failed or outcome.retriable:
                    reason = UNAVAILABLE if outcome.retriable else TOO_LARGE
                    self.failed[index] = rejected(None, reason, outcome.why, retriable=outcome.retriable)

    @property
    def again(self) -> int:
        """Documents that should be sent again."""
        return sum(1 for rejection in self.failed.values() if rejection.retriable)

    def rejections(self) -> dict[str, int]:
        """Documents that failed, by reason."""
        counts: dict[str, int] = {}
        for rejection in self.failed.values():
            counts[rejection.reason] = counts.get(rejection.reason, 0) + 1
        return counts

    def summary(self) -> dict[str, Any]:
        """The reply to a batch, as the specification has it."""
        failed, again = len(self.failed), self.again
        return {
            "status": "partial_success" if failed else "success",
            "summary": {
                "received": self.received,
                "successful": self.received - failed,
                "failed": failed,
                "retriable": again,
                "non_retriable": failed - again,
            },
            "failed_events": [
                {"index": index, "reason": _reason(rejection), "retriable": rejection.retriable}
                for index, rejection in sorted(self.failed.items())
            ],
        }


def routes() -> list[web.RouteDef]:
    """The routes of OpenLineage; they find their parts in the application under INGEST."""
    return [web.post("/api/v1/lineage", post_event), web.post("/api/v1/lineage/batch", post_batch)]


async def post_event(request: web.Request) -> web.Response:
    """Takes one event: 201 and nothing else. Raises ProblemError: 422 with `errors`, 503, 413, 400, 408, 415."""
    results = await _results(request, batch=False)
    if not results.failed:
        return web.Response(status=201)
    rejection = results.failed[0]
    if rejection.retriable:
        raise _again(rejection.errors[0].message, {})
    errors = [{"pointer": e.pointer, "type": e.type, "message": e.message} for e in rejection.errors]
    if rejection.reason in NOT_JSON_REASONS:
        raise ProblemError(400, "Not JSON", rejection.errors[0].message)
    if rejection.reason == TOO_LARGE:
        raise ProblemError(413, "Content too large", rejection.errors[0].message)
    raise ProblemError(422, "Not a valid event", _reason(rejection), extra={"errors": errors})


async def post_batch(request: web.Request) -> web.Response:
    """Takes an array of events: 200 with a summary, and which of them failed, by index.

    503 with the same members when any should be sent again (that is safe for all of them: their ids are derived), 422
    when none was valid. Raises ProblemError for those and, for the request as a whole, 400, 408, 413, 415.
    """
    results = await _results(request, batch=True)
    summary = results.summary()
    if results.again:
        raise _again(f"{results.again} of {results.received} events should be sent again", summary)
    if results.received and len(results.failed) == results.received:
        raise ProblemError(422, "No valid event", "no event was valid; failed_events says why", extra=summary)
    return web.Response(body=orjson.dumps(summary), content_type="application/json")


async def _results(request: web.Request, *, batch: bool) -> Results:
    begun = time.monotonic()
    ingest = request.app[INGEST]
    results = Results()
    try:
        await _take(request, ingest, results, batch)
    except ProblemError as problem:
        count_refused(ingest.observer, _PATH, problem, time.monotonic() - begun)
        raise
    ingest.observer.answered(_PATH, results.taken, results.rejections(), time.monotonic() - begun)
    return results


async def _take(request: web.Request, ingest: Ingest, results: Results, batch: bool) -> None:
    given = request.content_type if "Content-Type" in request.headers else None
    native.media_type_of(given, request.charset, (native.JSON,))
    origin = ingest.origins.read(request)
    pipeline = Pipeline(origin, ingest.services, ingest.limits.event_bytes, ingest.pseudonyms)
    try:
        await _take_documents(request, ingest, pipeline, results, batch)
    finally:
        ingest.overseer.sent(origin, results.received, pipeline.findings)


async def _take_documents(
    request: web.Request, ingest: Ingest, pipeline: Pipeline, results: Results, batch: bool
) -> None:
    with Body(request, ingest.limits, ingest.room) as body:
        data = await body.read()
        chunk: list[tuple[int, Part]] = []
        records: list[Record] = []
        marks: list[Mark | None] = []
        for raw in await _documents(data, ingest.limits.events, batch):
            part = _part(pipeline, raw, ingest.limits.event_bytes)
            chunk.append((results.received, part))
            records += part.records
            marks += part.marks
            results.received += 1
            if len(records) >= _CHUNK_RECORDS:
                results.settle(chunk, iter(await (await ingest.admission.submit(records, marks)).results()))
                chunk, records, marks = [], [], []
            await asyncio.sleep(0)
        results.settle(chunk, iter(await (await ingest.admission.submit(records, marks)).results()))


async def _documents(data: bytes, events_max: int, batch: bool) -> Iterator[bytes]:
    if not batch:
        return iter((data,))
    arguments = (native.JSON, data, events_max)
    large = len(data) >= _LARGE_BODY_BYTES
    documents, single = await asyncio.to_thread(native.split, *arguments) if large else native.split(*arguments)
    if single:
        raise ProblemError(400, "Not a batch", "a batch of OpenLineage events is a JSON array")
    return documents


def _part(pipeline: Pipeline, raw: bytes, max_bytes: int) -> Part:
    """A document's records: all of them, or none where one of them cannot be."""
    try:
        document = codec.parse(raw, max_bytes=max_bytes, max_nesting=_NESTING)
        events = events_of(document, parse_event(document))
    except Invalid as error:
        return Part([], [], Rejected(None, False, error.reason, error.errors))
    checked = Checked()
    for place, event in enumerate(events):
        checked.put(place, pipeline.judge(Arrival(event), place))
    if checked.rejections:
        return Part([], [], next(iter(checked.rejections.values())))
    return Part(checked.records, checked.marks, None)


def _reason(rejection: Rejected) -> str:
    return "; ".join(f"{e.pointer}: {e.message}" if e.pointer else e.message for e in rejection.errors)


def _again(detail: str, extra: dict[str, Any]) -> ProblemError:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return ProblemError(503, "Unavailable", detail, headers=headers, extra=extra)
