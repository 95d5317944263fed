"""How long a task keeps the event loop to itself."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def pauses() -> AsyncIterator[list[float]]:
    """The event loop's turns while the block runs, in seconds of this thread's own work.

    Waiting, other threads and other processes are not counted, nor is a garbage collection: in a test process it goes
    through whatever earlier tests left, and would be taken for the tested code's own work.
    """
    seen: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            seen.append(now - last)
            last = now

    gc.collect()
    gc.disable()
    watcher = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watcher.cancel()
        gc.enable()
