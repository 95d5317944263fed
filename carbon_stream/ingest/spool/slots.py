"""Each process of a host has a directory of its own for its spool, and takes over those of processes that are gone.

`DIRECTORY/0`, `1`, … hold one spool each. A process claims the first that nobody has, by a lock that ends with it, and
so finds what its predecessor left. Those that nobody claims are emptied by whoever notices, and then let go of.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from carbon_stream.ingest.observer import IngestObserver
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.spool.forwarding import Forwarder
from carbon_stream.ingest.spool.keeping import Spool, SpoolUnusable
from carbon_stream.ingest.spool.store import FILE
from carbon_stream.streaming.exclusive import DirectoryInUse, Exclusive

__all__ = ["Slots"]

_SLOTS_MAX: Final = 1_000
_LOOK_S: Final = 5.0

MakeSpool = Callable[[Path], Spool]

log = logging.getLogger(__name__)


class Slots:
    """The spools of one process: its own, and for a while those of others that have ended."""

    def __init__(self, directory: Path, make: MakeSpool, observer: IngestObserver) -> None:
        self._directory = directory
        self._make = make
        self._observer = observer
        self._lock: Exclusive | None = None
        self._forwarder: Forwarder | None = None
        self._adopting: asyncio.Task[None] | None = None
        self.adopted: Spool | None = None
        """One that is being emptied for somebody else."""

    def claim(self) -> Spool:
        """The spool of the first slot that nobody has. Raises SpoolUnusable."""
        try:
            for number in range(_SLOTS_MAX):
                slot = self._directory / str(number)
                slot.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = _lock(slot)
                if lock is not None:
                    self._lock = lock
                    return self._make(slot)
        except OSError as error:
            raise SpoolUnusable(f"the spool in {self._directory} cannot be used: {error.strerror or error}") from error
        raise SpoolUnusable(f"the spool in {self._directory} is used by {_SLOTS_MAX} processes already")

    def start(self, spool: Spool, publisher: Publisher) -> None:
        """Begins to forward what the spool has, and to look for spools that nobody has."""
        self._forwarder = Forwarder(spool, publisher, self._observer)
        self._forwarder.start()
        self._adopting = asyncio.create_task(self._adopt(publisher), name="spool-adoption")

    async def stop(self, drain_s: float) -> None:
        """Ends the forwarding, after what can be forwarded within so long."""
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.wait([self._adopting])
        if self._forwarder is not None:
            await self._forwarder.drain(drain_s)
            await self._forwarder.close()

    def release(self) -> None:
        """Lets others have the slot, once its spool is closed."""
        if self._lock is not None:
            self._lock.release()

    async def _adopt(self, publisher: Publisher) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not publisher.ready:
                continue
            try:
                for slot in sorted(self._directory.iterdir()):
                    await self._adopt_one(slot, publisher)
            except (SpoolUnusable, OSError) as error:
                log.error("a spool that nobody has cannot be emptied: %s", error)

    async def _adopt_one(self, slot: Path, publisher: Publisher) -> None:
        lock = _lock(slot) if (slot / FILE).exists() else None
        if lock is not None:
            try:
                await self._empty(slot, publisher)
            finally:
                lock.release()

    async def _empty(self, slot: Path, publisher: Publisher) -> None:
        """Forwards all that a slot has, and removes its file."""
        spool = self.adopted = self._make(slot)
        forwarder = Forwarder(spool, publisher, self._observer)
        try:
            await spool.open()
            forwarder.start()
            await forwarder.emptied()
        finally:
            self.adopted = None
            await forwarder.close()
            await spool.close()
        if spool.aside:
            slot.joinpath(FILE).rename(slot / f"{FILE}.aside-{time.time_ns() // 1_000_000}")
        else:
            slot.joinpath(FILE).unlink()


def _lock(slot: Path) -> Exclusive | None:
    lock = Exclusive(slot)
    try:
        lock.take()
    except DirectoryInUse:
        return None
    return lock
