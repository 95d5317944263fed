"""A broker with the platform's topics for the tests of one file, and the HTTP application on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from carbon_stream.bootstrap.topics.apply import ensure_topics
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings
from carbon_stream.web.server import listening

Serving = Callable[[Callable[[Settings], web.Application], Settings], AbstractAsyncContextManager[ClientSession]]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of this file's own, because its topics have fixed names; with all of them."""
    with LocalKafka(tmp_path_factory.mktemp("platform")) as broker:
        asyncio.run(ensure_topics(Settings(kafka_bootstrap_servers=broker.bootstrap_servers)))
        yield broker


@pytest.fixture
def settings(platform: LocalKafka) -> Settings:
    """Settings that point to that broker, with an admin token."""
    return Settings(
        kafka_bootstrap_servers=platform.bootstrap_servers, admin_token="s3cret-for-tests", spool_after_s=60.0
    )


@pytest.fixture
def serving() -> Serving:
    """Serves an application until the context ends; gives a session whose URLs are relative to it."""

    @asynccontextmanager
    async def serve(
        build: Callable[[Settings], web.Application], settings: Settings, ready: bool = True
    ) -> AsyncIterator[ClientSession]:
        async with listening(build(settings), "127.0.0.1", 0) as url, ClientSession(url) as session:
            async with asyncio.timeout(90):
                while ready and (await session.get("/readyz")).status != 200:
                    await asyncio.sleep(0.1)
            yield session

    return serve
