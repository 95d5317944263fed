"""Answers of istiod and Prometheus as they come from a server: in pieces, and refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.evidence import Evidence, Unknown
from carbon_stream.bootstrap.mesh.values import load_mesh

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOT_ASKED = cast(Cluster, None)


@asynccontextmanager
async def istiod(handler: Handler) -> AsyncIterator[Evidence]:
    app = web.Application()
    app.router.add_get("/debug/syncz", handler)
    async with TestServer(app) as server:
        yield Evidence(NOT_ASKED, load_mesh(), istiod_url=str(server.make_url("/")))


async def test_a_long_answer_is_read_to_its_end() -> None:
    kinds = ("cluster", "listener", "endpoint", "route")
    states = {f"{kind}_{what}": "a" for kind in kinds for what in ("sent", "acked")}
    proxies = [{"proxy": f"pod-{number}.data", **states} for number in range(8_000)]

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(proxies)

    async with istiod(answer) as evidence:
        assert len(await evidence.syncs()) == len(proxies)
    assert len(json.dumps(proxies)) > 1 << 20, "more than comes at once"


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "CARBON_STREAM_ISTIOD_TOKEN_FILE"), (403, "DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES")]
)
async def test_a_refusal_without_a_word_is_told_with_what_helps(status: int, hint: str) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with istiod(refuse) as evidence:
        with pytest.raises(Unknown, match=f"answers {status} .*{hint}"):
            await evidence.syncs()
