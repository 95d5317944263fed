"""Waiting for a shard whose disk does not keep up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from carbon_stream.streaming.shard import ShardBusy

BUSY_S = 0.01


async def patiently(write: Callable[[], None]) -> None:
    """Write as soon as the shard takes it. Everything else on the event loop goes on meanwhile."""
    while True:
        try:
            write()
        except ShardBusy:
            await asyncio.sleep(BUSY_S)
        else:
            return
