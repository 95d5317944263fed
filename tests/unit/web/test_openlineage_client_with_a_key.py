"""OpenLineage's own client where access control is on: its API key is one of ours, and counts."""

import asyncio
from typing import Any

import pytest
import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Dataset, Job, Run, RunEvent, RunState
from openlineage.client.transport.async_http import AsyncHttpConfig, AsyncHttpTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport

from tests.unit.web.conftest import Front, Kept, OpenFront

PRODUCER = "https://example.com/producer"


def run_event() -> RunEvent:
    return RunEvent(
        eventTime="2026-11-24T04:30:00.500000+00:00",
        producer=PRODUCER,
        eventType=RunState.COMPLETE,
        run=Run("01931a3e-6a6c-7b11-9f2c-6d1d8f1f0a01"),
        job=Job("airflow", "daily.load"),
        inputs=[Dataset("s3://lake", "raw")],  # type: ignore[list-item]
        outputs=[Dataset("s3://lake", "prices")],  # type: ignore[list-item]
    )


@pytest.fixture
async def front(open_front: OpenFront, access_file: Kept) -> Front:
    access_file.add("airflow", "sender", sources=[PRODUCER])
    access_file.add("looker", "reader")
    return await open_front(access=("keys",), access_file=access_file.path)


def options(front: Front, key: str) -> dict[str, Any]:
    return {
        "url": front.url,
        "auth": ApiKeyTokenProvider({"apiKey": key}),
        "compression": HttpCompression.GZIP,
        "retry": {"total": 0},
    }


async def test_a_key_that_may_send_is_who_has_sent(front: Front, access_file: Kept) -> None:
    client = OpenLineageClient(transport=HttpTransport(HttpConfig(**options(front, access_file.keys["airflow"].key))))
    await asyncio.to_thread(client.emit, run_event())
    await asyncio.to_thread(client.close)
    (edge,) = front.events("data-lineage")
    assert edge["context"]["principal"]["name"] == "airflow"


async def test_a_key_that_may_not_send_is_told_to_the_client(front: Front, access_file: Kept) -> None:
    for key, code in ((access_file.keys["looker"].key, 403), ("nobodys", 401)):
        client = OpenLineageClient(transport=HttpTransport(HttpConfig(**options(front, key))))
        with pytest.raises(requests.HTTPError) as told:
            await asyncio.to_thread(client.emit, run_event())
        assert told.value.response is not None
        assert told.value.response.status_code == code
        await asyncio.to_thread(client.close)
    assert front.events("data-lineage") == []


async def test_the_key_counts_for_the_asynchronous_transport_too(front: Front, access_file: Kept) -> None:
    def emit(key: str) -> dict[str, int]:
        transport = AsyncHttpTransport(AsyncHttpConfig(**options(front, key)))
        transport.emit(run_event())
        assert transport.wait_for_completion(60)
        stats: dict[str, int] = transport.get_stats()
        assert transport.close(60)
        return stats

    assert (await asyncio.to_thread(emit, access_file.keys["looker"].key))["success"] == 0
    assert front.events("data-lineage") == []
    assert (await asyncio.to_thread(emit, access_file.keys["airflow"].key))["success"] == 1
    assert len(front.events("data-lineage")) == 1
