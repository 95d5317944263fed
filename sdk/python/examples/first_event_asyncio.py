"""The same from asyncio."""

import asyncio
import sys

from carbon_stream_producer import get_async_event_producer


async def main() -> None:
    """Sends one event and waits for its receipt."""
    async with get_async_event_producer("my-service") as producer:
        delivery = await producer.produce_service_health_event(
            service_name="my-service", namespace="demo", health_status="HEALTHY", latency_ms=12.5, error_rate=0.0
        )
        sys.stderr.write(f"{await delivery}\n")


asyncio.run(main())
