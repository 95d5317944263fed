"""A load, from the raw data to the dashboard, and a day's operations around it: all twelve types of event.

    python demo.py [rounds]

It sends by whatever transport the environment names, reports what was delivered by topic, and ends with status 1 where
something was not.
"""

import sys
import uuid
from collections import Counter

from carbon_stream_producer import (
    ColumnMapping,
    Delivery,
    DeliveryFailed,
    EventProducer,
    caused_by,
    flow,
    get_event_producer,
)


def load(producer: EventProducer, number: int) -> list[Delivery]:
    """What a load tells: three events that the first one caused."""
    dataset = "s3://lake/raw/trades"
    event_id, belongs = str(uuid.uuid4()), f"load-{number}"
    sent = [
        producer.produce_data_ingestion_event(
            event_id=event_id,
            correlation_id=belongs,
            dataset_name=dataset,
            record_count=184_320,
            size_bytes=73_400_320,
            format="parquet",
            location=f"{dataset}/2026-11-24",
            status="SUCCESS",
        )
    ]
    with caused_by({"eventId": event_id, "correlationId": belongs}):
        sent += [
            producer.produce_data_transformation_event(
                job="clean-trades", inputs=[dataset], outputs=["lake.trades"], status="SUCCESS", duration_ms=5_300
            ),
            producer.produce_data_lineage_event(
                source_dataset=dataset,
                target_dataset="lake.trades",
                transformation_type="TRANSFORM",
                transformation_name="clean-trades",
                columns=[ColumnMapping(source_column="px", target_column="price", transformation="round(px, 2)")],
            ),
            producer.produce_data_quality_event(
                dataset_name="lake.trades",
                check_type="completeness",
                check_name="price is there",
                result="PASS",
                score=1.0,
                failed_records=0,
                total_records=184_320,
            ),
        ]
    return sent


def operations(producer: EventProducer) -> list[Delivery]:
    """What operators and users do meanwhile."""
    return [
        producer.produce_service_health_event(
            service_name="trino", namespace="data-platform", health_status="HEALTHY", latency_ms=12.5, error_rate=0.0
        ),
        producer.produce_deployment_event(
            deployment_name="trino",
            namespace="data-platform",
            action="DEPLOY",
            version="476",
            previous_version="475",
            replicas=2,
            deployed_by="ann",
        ),
        producer.produce_config_change_event(
            component="trino", key="query.max-memory", old_value="20GB", new_value="24GB", changed_by="ann"
        ),
        producer.produce_security_event(
            category="authentication", severity="LOW", principal="bob", outcome="DENIED", message="wrong password"
        ),
        *audited(producer),
    ]


def audited(producer: EventProducer) -> list[Delivery]:
    """What the audit trail is about."""
    return [
        producer.produce_audit_user_action_event(
            user_id="u-1",
            username="Ann",
            action="EXPORT",
            resource="report-7",
            resource_type="report",
            result="SUCCESS",
            ip_address="10.0.0.1",
        ),
        producer.produce_audit_api_call_event(
            service="trino",
            endpoint="/v1/statement",
            method="POST",
            status_code=200,
            latency_ms=31.7,
            request_size_bytes=512,
            response_size_bytes=20_480,
            ip_address="10.0.0.1",
        ),
        producer.produce_audit_data_access_event(
            user_id="u-1", dataset_name="lake.trades", operation="READ", result="SUCCESS", row_count=1_000
        ),
        producer.produce_audit_admin_operation_event(user_id="root", operation="GRANT", result="SUCCESS", target="u-1"),
    ]


def main(rounds: int) -> int:
    """Sends so many rounds, waits for all of it, and tells; the exit status."""
    delivered: Counter[str] = Counter()
    failures: list[DeliveryFailed] = []
    with get_event_producer("demo") as producer:
        for number in range(1, rounds + 1):
            with flow(correlation_id=f"day-{number}"):
                sent = [*load(producer, number), *operations(producer)]
            for delivery in sent:
                try:
                    delivered[delivery.result(timeout=150).topic or "?"] += 1
                except DeliveryFailed as error:
                    failures.append(error)
    tell = sys.stderr.write
    tell(f"delivered {delivered.total()} events of {len(delivered)} topics, {len(failures)} failed\n")
    for topic, count in sorted(delivered.items()):
        tell(f"  {topic:<22}{count:>8}\n")
    for failure in failures[:5]:
        tell(f"{failure}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
