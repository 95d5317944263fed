"""One reader of the live tail: a bounded queue between the consumer, which never waits, and a connection, which may."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from carbon_stream.live import frames
from carbon_stream.live.filters import Filter
from carbon_stream.live.frames import Shown
from carbon_stream.live.positions import Positions, encode

EVENTS_MAX = 1_000
BYTES_MAX = 4 << 20
CHUNK_BYTES = 64 << 10


class Reader:
    """What a reader wants, and what waits for it. `on_drop(n)` is told of events that it was too slow for."""

    def __init__(
        self,
        wanted: Filter,
        *,
        events_max: int = EVENTS_MAX,
        bytes_max: int = BYTES_MAX,
        on_drop: Callable[[int], None] | None = None,
    ) -> None:
        self.wanted = wanted
        self.is_closed = False
        self._events_max, self._bytes_max, self._on_drop = events_max, bytes_max, on_drop
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = self._skipped = 0
        self._mark = ""
        self._marked = ""
        self._woken = asyncio.Event()

    def offer(self, topic: str, show: Callable[[], Shown]) -> None:
        """Queue a record if it is wanted and there is room. Never waits."""
        if topic not in self.wanted.topics:
            return
        shown = show()
        if shown.event is None:
            if not self.wanted.wants_refused:
                return
        elif not self.wanted.accepts(topic, shown.event):
            return
        if len(self._waiting) >= self._events_max or self._bytes + len(shown.frame) > self._bytes_max:
            self._dropped += 1
            if self._on_drop is not None:
                self._on_drop(1)
            return
        self._say_gap()
        self._put(shown.frame)

    def skip(self, records: int) -> None:
        """So many records of wanted topics were not looked at."""
        if records:
            self._skipped += records
            self._woken.set()

    def mark(self, positions: Positions) -> None:
        """All up to these positions has been offered."""
        self._mark = encode(positions, self.wanted.topics)

    def close(self) -> None:
        """What waits is still given out; then the stream ends."""
        self.is_closed = True
        self._woken.set()

    async def take(self, seconds: float) -> bytes:
        """What waits, as one piece of bounded size, with the id to go on from when it is all; b"" after `seconds`."""
        if not (self._waiting or self._dropped or self._skipped or self.is_closed):
            self._woken.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
        chunk = bytearray()
        while self._waiting and len(chunk) < CHUNK_BYTES:
            one = self._waiting.popleft()
            self._bytes -= len(one)
            chunk += one
        if not self._waiting:
            self._say_gap()
            while self._waiting:
                one = self._waiting.popleft()
                self._bytes -= len(one)
                chunk += one
            if self._mark != self._marked and chunk:
                self._marked = self._mark
                chunk += frames.mark(self._mark)
        return bytes(chunk)

    def keep_alive(self) -> bytes:
        """A comment and, when nothing waits, how far the stream has come: also where nothing of it was wanted."""
        if self._waiting or self._dropped or self._skipped:
            return frames.KEEP_ALIVE
        self._marked = self._mark
        return frames.KEEP_ALIVE + frames.mark(self._mark)

    def _say_gap(self) -> None:
        """Before what comes after it."""
        if self._dropped or self._skipped:
            self._put(frames.gap(self._dropped, self._skipped))
            self._dropped = self._skipped = 0

    def _put(self, one: bytes) -> None:
        self._waiting.append(one)
        self._bytes += len(one)
        self._woken.set()
