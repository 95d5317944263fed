"""The shortest way to a first event.

KAFKA_BOOTSTRAP_SERVERS names the brokers; CARBON_STREAM_TRANSPORT=console needs none.
"""

import sys

from carbon_stream_producer import get_event_producer

with get_event_producer("my-service") as producer:
    delivery = producer.produce_service_health_event(
        service_name="my-service", namespace="demo", health_status="HEALTHY", latency_ms=12.5, error_rate=0.0
    )
    sys.stderr.write(f"{delivery.result(timeout=30)}\n")
