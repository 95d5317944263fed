"""What the queries over views share: how fresh an answer is, and how it is made without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, TypeVar

import orjson
from aiohttp import web

from carbon_stream.errors import ProblemError
from carbon_stream.views.near_names import near_names

AsOf = Callable[[str], int]
"""Table name to the time in ms up to which its view knows everything."""
AS_OF: web.AppKey[AsOf] = web.AppKey("as_of")

ROWS_READ: web.RequestKey[int] = web.RequestKey("rows_read", int)
"""Where a handler says how many events its answer shows, for the record of who has read them."""

SLICE_S = 0.005
"""Work on an answer pauses after this long, so that other requests are served in between."""

Item = TypeVar("Item")


async def in_slices(items: Iterable[Item]) -> list[Item]:
    """All items of a lazy iterable, giving way to other tasks now and then. What it reads may change in between."""
    found: list[Item] = []
    pause_at = perf_counter() + SLICE_S
    for item in items:
        found.append(item)
        if perf_counter() >= pause_at:
            await asyncio.sleep(0)
            pause_at = perf_counter() + SLICE_S
    return found


def json_answer(body: dict[str, Any]) -> web.Response:
    """200 with a JSON body."""
    return web.Response(body=orjson.dumps(body), content_type="application/json")


async def unknown(kind: str, name: str, known: Iterable[str]) -> ProblemError:
    """404 for an entity that no event has named, with names that look like it in `near`."""
    near = await asyncio.to_thread(near_names, name, list(known))
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return ProblemError(404, f"Unknown {kind}", f"no event has named the {kind} {name!r}{hint}", extra={"near": near})
