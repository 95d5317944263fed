"""What the views know of the platform, as metrics: a part of the one list in `metrics`. No person is in them, unless
an operator has asked for names (`metrics_names`).

Entities are bounded in number; who is beyond a bound is asked for of the queries, which have everybody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client import Gauge

from carbon_stream.observability.instruments import gauge

__all__ = ["Series"]

_NAMESPACE, _SERVICE, _DATASET = "namespace of the service", "name of the service", "name of the dataset"

AUDITED = gauge(
    "audited_last_hour_events",
    "events",
    "Audited events of the last hour. The largest groups; the queries have all of them. Users and resources only where"
    " CARBON_STREAM_METRICS_NAMES asks for them, the twenty with the most.",
    "livemostrecent",
    by="what is counted by: service, action, eventType; user, resource",
    key="the service, action, type, user or resource",
    result="SUCCESS, FAILURE, DENIED",
)
AUDITED_CALLS = gauge(
    "audited_calls_last_hour_events",
    "events",
    "Audited API calls of the last hour, by service and class of status.",
    "livemostrecent",
    service=_SERVICE,
    status="2xx, 3xx, 4xx, 5xx",
)
AVAILABILITY = gauge(
    "service_availability_ratio",
    "ratio",
    "Share of the time that a service was available, weighted by its states.",
    "livemostrecent",
    namespace=_NAMESPACE,
    service=_SERVICE,
    window="5m, 1h, 24h",
)
ERRORS = gauge(
    "service_error_ratio",
    "ratio",
    "Mean error rate that a service has reported.",
    "livemostrecent",
    namespace=_NAMESPACE,
    service=_SERVICE,
    window="5m, 1h, 24h",
)
LATENCY = gauge(
    "service_latency_seconds",
    "seconds",
    "Latency that a service has reported.",
    "livemostrecent",
    namespace=_NAMESPACE,
    service=_SERVICE,
    percentile="p50, p95, p99",
)
CHANGED = gauge(
    "service_changed_timestamp_seconds",
    "seconds",
    "When a service was last deployed, and when its configuration last changed, Unix time.",
    "livemostrecent",
    namespace=_NAMESPACE,
    service=_SERVICE,
    kind="deployment, configuration",
)
LOADED_RECORDS = gauge(
    "dataset_loaded_24h_records",
    "records",
    "Records that were loaded into a dataset in the last 24 hours.",
    "livemostrecent",
    dataset=_DATASET,
)
LOADED_AT = gauge(
    "dataset_loaded_timestamp_seconds",
    "seconds",
    "When a dataset was last loaded, whatever came of it, Unix time.",
    "livemostrecent",
    dataset=_DATASET,
)
QUALITY = gauge(
    "quality_check_score_ratio",
    "ratio",
    "Score of the last result of a quality check.",
    "livemostrecent",
    dataset=_DATASET,
    check="name of the check",
)
FAILED_JOBS = gauge(
    "transformation_failed",
    "",
    "1 where the last run of a job has failed, else 0.",
    "livemostrecent",
    job="name of the job",
)
LINEAGE_DATASETS = gauge("lineage_datasets", "datasets", "Datasets in the lineage graph.", "livemostrecent")
LINEAGE_EDGES = gauge("lineage_edges", "edges", "Edges of the lineage graph.", "livemostrecent")
CERTIFICATE = gauge(
    "certificate_expiry_timestamp_seconds",
    "seconds",
    "When the first certificate in a file of ours runs out, Unix time.",
    "livemin",
    file="ca (the brokers' authorities), client (our own)",
)


class Series:
    """The series of one gauge: replaced as a whole, those that are gone taken out."""

    def __init__(self, shown: Gauge) -> None:
        self._gauge = shown
        self._labels: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        """From now on there are these, by the values of their labels."""
        for gone in self._labels - values.keys():
            if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # a series in a shared file cannot be taken out
                self._gauge.labels(*gone).set(float("nan"))
            else:
                self._gauge.remove(*gone)
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        self._labels = set(values)
