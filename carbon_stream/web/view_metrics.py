"""What the views and their reader know, as metrics: looked at once a second."""

from __future__ import annotations

from collections import Counter

from carbon_stream.observability import counting, metrics
from carbon_stream.observability.service_health import ServiceHealth
from carbon_stream.views.freshness import Freshness
from carbon_stream.views.health import HealthView
from carbon_stream.views.reader import ChangelogReader


class ViewMetrics:
    """One for each process that answers queries. `tells_of_kafka`: nothing else in the process knows of the brokers."""

    def __init__(
        self, reader: ChangelogReader, freshness: Freshness, health: HealthView, *, tells_of_kafka: bool
    ) -> None:
        self._reader, self._freshness, self._health = reader, freshness, health
        self._tells_of_kafka = tells_of_kafka
        self._service_health = ServiceHealth()
        self._skipped: Counter[str] = Counter()

    def show(self) -> None:
        """Set all of them."""
        for table, behind in self._reader.lag().items():
            metrics.VIEW_LAG.labels(table).set(behind)
        for topic, behind in self._behind_topics().items():
            metrics.SOURCE_LAG.labels(topic).set(behind)
        for table, number in (self._reader.skipped - self._skipped).items():
            counting.count_skipped_rows(table, number)
        self._skipped = self._reader.skipped.copy()
        if self._tells_of_kafka:
            metrics.KAFKA_READY.set(1 if self._freshness.reaches_kafka() else 0)
        as_of = self._freshness.as_of(HealthView.table)
        self._service_health.show(dict(self._health.statuses(self._health.services(), as_of)))

    def _behind_topics(self) -> Counter[str]:
        behind: Counter[str] = Counter()
        for source, offsets in self._freshness.lags().items():
            behind[source.topic] += offsets
        return behind
