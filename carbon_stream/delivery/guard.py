"""Where connections may go: names are looked up by us, and addresses that no listed host may stand for are refused."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from carbon_stream.rules.hosts import Hosts

__all__ = ["GuardedResolver"]


class GuardedResolver(AbstractResolver):
    """A resolver whose answers are judged. aiohttp connects to what it is given, so nothing is looked up twice."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of the host that may be connected to. Raises OSError if there is none."""
        found = await self._inner.resolve(host, port, family)
        refusals = [self._hosts.why_not_address(address["host"]) for address in found]
        allowed = [address for address, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not allowed:
            raise OSError(None, next((why for why in refusals if why), f"{host} has no address"))
        return allowed

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._inner.close()
