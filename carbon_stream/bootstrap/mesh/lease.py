"""One run at a time: a Lease that the run holds and renews, and without which it takes no further step."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from carbon_stream.bootstrap.mesh.cluster import Cluster, Conflict
from carbon_stream.bootstrap.mesh.objects import KINDS, Key, Object
from carbon_stream.errors import OperatorError

__all__ = ["Held", "held_by_other", "holding"]

_NAME = "carbon-stream-bootstrap"
_DURATION_S = 60


class Held:
    """A lease that is ours until `check` says otherwise."""

    def __init__(self) -> None:
        self._lost = ""

    def lose(self, why: str) -> None:
        """From now on nothing more is to be done."""
        self._lost = why

    def check(self) -> None:
        """OperatorError when the lease is no longer ours."""
        if self._lost:
            raise OperatorError(f"the lease was lost: {self._lost}")


@asynccontextmanager
async def holding(cluster: Cluster, namespace: str, duration_s: int = _DURATION_S) -> AsyncIterator[Held]:
    """Holds the lease. OperatorError where another run has it; a run that died has it for `duration_s` more."""
    me = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    key, held = Key("Lease", namespace, _NAME), Held()
    lease = await _take(cluster, key, me, duration_s)
    renewal = asyncio.create_task(_renew(cluster, lease, held, duration_s))
    try:
        yield held
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal
        await _give_back(cluster, key, me)


def held_by_other(lease: Object, now: datetime) -> str:
    """Who holds it; empty where nobody does, or not any more."""
    spec = lease.get("spec") or {}
    holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime")
    if not holder or not renewed:
        return ""
    until = datetime.fromisoformat(renewed) + timedelta(seconds=spec.get("leaseDurationSeconds", _DURATION_S))
    return holder if now < until else ""


async def _take(cluster: Cluster, key: Key, me: str, duration_s: int) -> dict[str, Any]:
    there = await cluster.find(key)
    now = datetime.now(UTC)
    spec = {
        "holderIdentity": me,
        "leaseDurationSeconds": duration_s,
        "acquireTime": _micro(now),
        "renewTime": _micro(now),
    }
    holder = held_by_other(there, now) if there else ""
    try:
        if holder:
            raise Conflict(409, "held", {})
        if there is None:
            metadata = {"name": key.name, "namespace": key.namespace}
            return await cluster.create(
                {"apiVersion": KINDS["Lease"].api, "kind": "Lease", "metadata": metadata, "spec": spec}
            )
        return await cluster.replace({**there, "apiVersion": KINDS["Lease"].api, "kind": "Lease", "spec": spec})
    except Conflict:
        raise OperatorError(
            f"another run is at work ({holder or 'it was quicker'} holds {key}): wait for it; one that died holds it"
            f" for {duration_s} s. Nothing was changed"
        ) from None


async def _renew(cluster: Cluster, lease: dict[str, Any], held: Held, duration_s: int) -> None:
    while True:
        await asyncio.sleep(duration_s / 3)
        try:
            lease = await cluster.replace({**lease, "spec": {**lease["spec"], "renewTime": _micro(datetime.now(UTC))}})
        except OperatorError as error:
            held.lose(str(error))
            return


async def _give_back(cluster: Cluster, key: Key, me: str) -> None:
    """Best effort: what is not given back runs out."""
    with suppress(OperatorError):
        there = await cluster.find(key)
        if there is not None and there["spec"].get("holderIdentity") == me:
            await cluster.replace({**there, "spec": {**there["spec"], "holderIdentity": ""}})


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
