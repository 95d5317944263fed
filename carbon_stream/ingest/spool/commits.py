"""The thread that has the spool's file: whatever is asked while it commits goes together into the next commit."""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from carbon_stream.ingest.spool.store import Store

__all__ = ["Commits"]

_BYTES_TOGETHER: Final = 16 << 20
_ASKED_TOGETHER: Final = 1_000

T = TypeVar("T")
log = logging.getLogger(__name__)


class _Asked(NamedTuple):
    work: Callable[[Store], Any]
    size: int
    answer: "asyncio.Future[Any]"


class Commits:
    """Work on a store, in the order it was asked for. `committed` is told the seconds of each commit, in the loop."""

    def __init__(self, store: Store, committed: Callable[[float], None]) -> None:
        self._store = store
        self._committed = committed
        self._queue: SimpleQueue[_Asked | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[Store], T], size: int = 0) -> "asyncio.Future[T]":
        """What `work` gives, once it is durable; sqlite3.Error when it could not be. `size`: bytes it writes, about."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Asked(work, size, answer))
        return answer

    async def close(self) -> None:
        """Finishes what was asked, and closes the file."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ended = False
        while not ended:
            together, ended = self._next()
            if together:
                self._commit(together)
        self._store.close()

    def _next(self) -> tuple[list[_Asked], bool]:
        """All that waits, within bounds, and whether that is the end."""
        together: list[_Asked] = []
        size = 0
        first = self._queue.get()
        while first is not None:
            together.append(first)
            size += first.size
            if size > _BYTES_TOGETHER or len(together) >= _ASKED_TOGETHER:
                return together, False
            try:
                first = self._queue.get_nowait()
            except Empty:
                return together, False
        return together, True

    def _commit(self, together: list[_Asked]) -> None:
        """One transaction; where that fails each has one of its own, so that one does not fail for another."""
        took: list[float] = []
        try:
            with self._store.transaction(took.append):
                results = [asked.work(self._store) for asked in together]
        except Exception as error:  # noqa: BLE001 - whatever it is, those who asked have to hear of it
            if len(together) > 1 and isinstance(error, sqlite3.Error):
                for asked in together:
                    self._commit([asked])
            else:
                for asked in together:
                    self._tell(_fail, asked.answer, error)
            return
        self._tell(self._answer, list(zip(together, results, strict=True)), took)

    def _tell(self, *call: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(*call)

    def _answer(self, results: list[tuple[_Asked, Any]], took: list[float]) -> None:
        for seconds in took:
            self._committed(seconds)
        for asked, result in results:
            if not asked.answer.done():
                asked.answer.set_result(result)


def _fail(answer: "asyncio.Future[Any]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
