"""POST /v1/events (one event, an array, NDJSON, or CloudEvents) and POST /v1/sources/kong (entries of Kong's http-log
plugin, one or an array).
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from aiohttp import web

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.body import Body
from carbon_stream.ingest.delivery import Spooled, Stored
from carbon_stream.ingest.formats.lines import LineCutter
from carbon_stream.ingest.formats.native import empty_body, too_many
from carbon_stream.ingest.formats.selection import Format, format_of, kong_format
from carbon_stream.ingest.openlineage import routes as openlineage
from carbon_stream.ingest.pipeline import NOT_JSON_REASONS, Checked, Pipeline
from carbon_stream.ingest.preferences import APPLIED, is_strict, refusals
from carbon_stream.ingest.receipts import (
    CONFLICT,
    TOO_LARGE,
    UNAVAILABLE,
    Accepted,
    Receipt,
    Receipts,
    Rejected,
    Repeated,
    Skipped,
    Waiting,
    rejected,
)
from carbon_stream.ingest.refused_bodies import count_refused
from carbon_stream.ingest.repeats.admission import Conflict, Duplicate, Result, Submission
from carbon_stream.ingest.repeats.request_keys import REPLAYED, digest_of, key_of
from carbon_stream.ingest.service import INGEST, Ingest

__all__ = ["INGEST", "routes"]

_CHUNKS_AHEAD: Final = 8
"""Chunks of one request that are on their way to Kafka at once: bounds memory, and is enough to keep it busy."""
_STREAMED_AHEAD: Final = 1
"""The same of a body that is taken as it arrives, beside the one that is being settled: memory is what counts there."""
_LARGE_BODY_BYTES: Final = 4 << 20
_WHOLE_BODY_BYTES: Final = 1 << 20
"""NDJSON beyond this is taken as it arrives; what is shorter is taken whole or, where it breaks off, not at all."""
_CONFLICT: Final = "another event of this source with this eventId was taken before; a new event needs an id of its own"


def routes() -> list[web.RouteDef]:
    """The routes of ingest; they find their parts in the application under INGEST."""
    return [
        web.post("/v1/events", partial(_post, select=format_of, path="http")),
        web.post("/v1/sources/kong", partial(_post, select=kong_format, path="kong")),
        *openlineage.routes(),
    ]


async def _post(request: web.Request, *, select: Callable[[web.Request], Format], path: str) -> web.Response:
    """Takes what is in a request, and answers with a receipt for each event, in order.

    202 with receipts; any other status raises ProblemError: 422, 503 and 413 with receipts where there are any, 400,
    408, 413, 415 for the request as a whole. `select` knows how senders write there, `path` is how metrics name it.
    """
    begun = time.monotonic()
    ingest = request.app[INGEST]
    receipts = Receipts()
    strict = is_strict(request.headers)
    headers = dict(APPLIED) if strict else None
    try:
        status, before = await _take(ingest, request, select, receipts, strict)
        ingest.observer.answered(path, receipts.taken, receipts.rejected, time.monotonic() - begun)
    except ProblemError as problem:
        if receipts.count:
            ingest.observer.answered(path, receipts.taken, receipts.rejected, time.monotonic() - begun)
        count_refused(ingest.observer, path, problem, time.monotonic() - begun)
        raise
    if status != 202:
        raise receipts.problem(status, headers)
    if before is not None:
        headers = {**(headers or {}), **REPLAYED}
    body = before or (receipts.encode() if receipts.is_short else receipts.pieces())
    return web.Response(status=202, body=body, content_type="application/json", headers=headers)


async def _take(
    ingest: Ingest, request: web.Request, select: Callable[[web.Request], Format], receipts: Receipts, strict: bool
) -> tuple[int, bytes | None]:
    """Reads, checks and publishes; fills the receipts, and gives the status that follows.

    With an idempotency key it may be an answer instead that was given before.
    """
    origin = ingest.origins.read(request)
    chosen = select(request)
    key = key_of(request, origin.principal.name if origin.principal is not None else "")
    event_id = None if key is None else key.event_id
    pipeline = Pipeline(origin, ingest.services, ingest.limits.event_bytes, ingest.pseudonyms, chosen.read, event_id)
    try:
        with Body(request, ingest.limits, ingest.room) as body:
            data = body.arrived()
            if data is None:
                as_it_arrives = chosen.lines and not strict and key is None
                data = await body.begin(_WHOLE_BODY_BYTES if as_it_arrives else None)
            if body.has_more:
                cutter = LineCutter(ingest.limits.event_bytes, chosen.chunk)
                return await _stream(ingest, pipeline, _chunks(data, body, cutter), receipts), None
            if key is None:
                return await _publish(ingest, chosen, pipeline, data, receipts, strict), None
            async with ingest.request_keys.turn(key):
                before = await ingest.request_keys.begin(key, digest_of(request, data))
                if before is not None:
                    return 202, before
                status = await _publish(ingest, chosen, pipeline, data, receipts, strict)
                if status == 202:
                    await ingest.request_keys.finish(key, receipts.encode())
                return status, None
    finally:
        if origin.principal is not None:  # else nobody has an allowance, or claims to be somebody
            ingest.overseer.sent(origin, receipts.count, pipeline.findings)


async def _publish(
    ingest: Ingest, chosen: Format, pipeline: Pipeline, data: bytes, receipts: Receipts, strict: bool
) -> int:
    small = len(data) < _LARGE_BODY_BYTES
    events_max = ingest.limits.events
    raw_events, single = chosen.split(data, events_max) if small else await _split(chosen, data, events_max)
    if single:
        return await _one(ingest, pipeline, raw_events, receipts)
    if strict:
        if await _refuse_all(pipeline, raw_events, receipts, chosen.chunk):
            return 422
        pipeline.begin_again()
        raw_events, _ = await _split(chosen, data, events_max)
    return await _many(ingest, pipeline, raw_events, receipts, chosen.chunk)


async def _split(chosen: Format, data: bytes, events_max: int) -> tuple[Iterator[bytes], bool]:
    """In a thread: a large body takes long."""
    return await asyncio.to_thread(chosen.split, data, events_max)


async def _refuse_all(pipeline: Pipeline, raw_events: Iterator[bytes], receipts: Receipts, chunk_events: int) -> bool:
    """Whether one event of a batch is not valid; then all have receipts.

    Nothing is kept of those that are valid, since a batch may be very large: they are checked again when all are.
    """
    chunks: list[Checked] = []
    first, count = None, 0
    while chunk := list(islice(raw_events, chunk_events)):
        checked = pipeline.check(chunk)
        checked.records.clear()
        chunks.append(checked)
        if first is None and checked.rejections:
            first = count + min(checked.rejections)
        count += len(chunk)
        await asyncio.sleep(0)
    if first is None:
        return False
    for checked in chunks:
        receipts.add(refusals(checked, first))
    return True


async def _one(ingest: Ingest, pipeline: Pipeline, raw_events: Iterator[bytes], receipts: Receipts) -> int:
    """A body that is one event: what is wrong with the event's text is wrong with the body."""
    (raw,) = raw_events
    judged = pipeline.check_one(raw)
    if judged is None:
        receipts.add([Skipped()])
        return receipts.status()
    if isinstance(judged, Rejected):
        if judged.reason in NOT_JSON_REASONS:
            raise ProblemError(400, "Not JSON", judged.errors[0].message)
        receipts.add([judged])
        return 413 if judged.reason == TOO_LARGE else 422
    record, event_id, mark = judged
    result = await ingest.admission.submit_one(record, mark)
    if isinstance(result, Stored):
        receipts.add_stored(event_id, record.topic, result)
        return 202
    receipts.add([_receipt(event_id, record.topic, result)])
    return receipts.status()


async def _many(
    ingest: Ingest, pipeline: Pipeline, raw_events: Iterator[bytes], receipts: Receipts, chunk_events: int
) -> int:
    """Checks and submits chunk by chunk, a few of them ahead of what Kafka has acknowledged."""
    chunks: deque[tuple[Checked, Submission]] = deque()
    while chunk := list(islice(raw_events, chunk_events)):
        checked = pipeline.check(chunk)
        chunks.append((checked, await ingest.admission.submit(checked.records, checked.marks)))
        if len(chunks) > _CHUNKS_AHEAD:
            await _finish(*chunks.popleft(), receipts)
        elif len(chunk) == chunk_events:
            await asyncio.sleep(0)
    while chunks:
        await _finish(*chunks.popleft(), receipts)
    return receipts.status()


async def _chunks(beginning: bytes, body: Body, cutter: LineCutter) -> AsyncIterator[list[bytes]]:
    for chunk in cutter.feed(beginning):
        yield chunk
    async for piece in body.rest():
        for chunk in cutter.feed(piece):
            yield chunk
    for chunk in cutter.end():
        yield chunk


async def _stream(ingest: Ingest, pipeline: Pipeline, lines: AsyncIterator[list[bytes]], receipts: Receipts) -> int:
    """Takes the lines of a long body while it arrives. Where it breaks off, what came before has been taken.

    Then the problem carries the receipts of the events so far, and the others have not been looked at.
    """
    chunks: deque[tuple[Checked, Submission]] = deque()
    left = ingest.limits.events
    try:
        async for chunk in lines:
            checked = pipeline.check(chunk[:left])
            chunks.append((checked, await ingest.admission.submit(checked.records, checked.marks)))
            if len(chunk) > left:
                raise too_many(ingest.limits.events)
            left -= len(chunk)
            if len(chunks) > _STREAMED_AHEAD:
                await _finish(*chunks.popleft(), receipts)
            else:
                await asyncio.sleep(0)
    except ProblemError as problem:
        while chunks:
            await _finish(*chunks.popleft(), receipts)
        raise receipts.broken_off(problem) from None
    while chunks:
        await _finish(*chunks.popleft(), receipts)
    if not receipts.count:
        raise empty_body()
    return receipts.status()


async def _finish(checked: Checked, submission: Submission, receipts: Receipts) -> None:
    """Waits until a chunk's records are settled, and adds the receipts of all its events."""
    delivery = await submission.settled()
    if delivery.stored and not (submission.repeats or checked.rejections or checked.skipped):
        topics = [record.topic for record in delivery.records]
        receipts.add_accepted(checked.event_ids, topics, delivery.partitions, delivery.offsets)
        return
    found: dict[int, Receipt] = {**checked.rejections}
    for index, result in enumerate(await submission.results()):
        found[checked.places[index]] = _receipt(checked.event_ids[index], checked.records[index].topic, result)
    found.update((place, Skipped()) for place in checked.skipped)
    receipts.add([found[place] for place in range(len(found))])


def _receipt(event_id: str, topic: str, result: Result) -> Receipt:
    if isinstance(result, Stored):
        return Accepted(event_id, topic, result.partition, result.offset)
    if isinstance(result, Spooled):
        return Waiting(event_id, topic)
    if isinstance(result, Duplicate):
        return Repeated(event_id, topic, result.partition, result.offset)
    if isinstance(result, Conflict):
        return rejected(event_id, CONFLICT, _CONFLICT)
    if result.retriable:
        return rejected(event_id, UNAVAILABLE, result.why, retriable=True)
    return rejected(event_id, TOO_LARGE, result.why)
