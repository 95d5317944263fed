"""The producer library's HTTP transport and the service understand each other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from carbon_stream.local import LocalKafka
from carbon_stream_producer import AsyncEventProducer, HttpTransport
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from tests.support.sdk_vectors import VECTORS, arguments


async def test_the_service_takes_every_vector_where_the_library_would_have_sent_it(
    start_service: Callable[..., Awaitable[Any]],
    make_topics: Callable[..., Awaitable[None]],
    fresh_kafka: Callable[..., LocalKafka],
) -> None:
    servers = fresh_kafka().bootstrap_servers
    await make_topics(servers)
    service = await start_service(servers, repeat_window_events=0)  # many vectors are other events under the same id
    await service.until_ready()
    vectors = [vector for vector in VECTORS if vector["event"]["source"].isascii()]
    async with AsyncEventProducer("svc", transport=HttpTransport(service.url)) as producer:
        sent = [
            await getattr(producer, f"produce_{BY_EVENT_TYPE[vector['event']['eventType']].check.__name__}")(
                **arguments(vector["event"])
            )
            for vector in vectors
        ]
        receipts = await asyncio.wait_for(asyncio.gather(*sent), 60)
    for vector, receipt in zip(vectors, receipts, strict=True):
        assert receipt.status == "accepted"
        expected = vector["expected"]
        assert (receipt.topic, receipt.partition) == (expected["topic"], expected["partition"]), vector["name"]
        assert receipt.offset is not None
