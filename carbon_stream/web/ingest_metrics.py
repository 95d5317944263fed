"""What ingest tells its observer, as metrics."""

from collections.abc import Mapping

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.ingest.receipts import UNAVAILABLE
from carbon_stream.observability import metrics


class IngestMetrics:
    """Fulfils `IngestObserver`."""

    def answered(self, path: str, accepted: Mapping[str, int], rejected: Mapping[str, int], seconds: float) -> None:
        """Count a request's events; only acknowledged ones have a latency to acknowledgement."""
        for topic, number in accepted.items():
            metrics.count_events(path, "accepted", topic, BY_NAME[topic].event_type, number)
        for reason, number in rejected.items():
            result = "unavailable" if reason == UNAVAILABLE else "rejected"
            metrics.count_events(path, result, None, None, number)
            metrics.count_rejected(reason, number)
        if accepted:
            metrics.observe_acknowledgement(seconds, sum(accepted.values()) + sum(rejected.values()))

    def kafka_ready(self, ready: bool) -> None:
        """Nothing: readiness is published each second, with everything else that makes it up."""
