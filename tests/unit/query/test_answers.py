"""Long answers let other requests through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from carbon_stream.query.answers import SLICE_S, in_slices


def slow_items(number: int) -> Iterator[int]:
    for item in range(number):
        time.sleep(SLICE_S)
        yield item


async def test_work_on_an_answer_gives_way() -> None:
    turns = 0

    async def another_request() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(another_request())
    assert await in_slices(slow_items(10)) == list(range(10))
    other.cancel()
    assert turns >= 10


async def test_no_items_are_no_items() -> None:
    assert await in_slices(iter(())) == []
