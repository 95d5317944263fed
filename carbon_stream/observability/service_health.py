"""The state of each service of the platform as metrics, bounded in number."""

from __future__ import annotations

import os
from collections.abc import Mapping

from carbon_stream.observability import metrics

__all__ = ["MAX_SERVICES", "STATUSES", "ServiceHealth"]

MAX_SERVICES = 500
STATUSES = ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN")


class ServiceHealth:
    """Shows the latest states. The worst come first where there are more services than `limit`, so that a bound on
    series hides healthy services before it hides a sick one; how many it hides is a metric of its own.
    """

    def __init__(self, limit: int = MAX_SERVICES) -> None:
        self._limit = limit
        self._shown: dict[tuple[str, str], str] = {}

    def show(self, states: Mapping[tuple[str, str], str]) -> None:
        """Replaces what is shown; `states` maps (namespace, service) to one of STATUSES."""
        order = sorted(states, key=lambda name: (states[name] == "HEALTHY", name not in self._shown, name))
        kept = {name: states[name] for name in order[: self._limit]}
        for name in self._shown.keys() - kept.keys():
            self._forget(name)
        for name, status in kept.items():
            if self._shown.get(name) != status:
                for each in STATUSES:
                    metrics.SERVICE_HEALTH.labels(*name, each).set(each == status)
        self._shown = kept
        metrics.SERVICE_HEALTH_OMITTED.set(len(states) - len(kept))

    def _forget(self, name: tuple[str, str]) -> None:
        shared = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
        for each in STATUSES:
            if shared:  # a series in a shared file cannot be taken out
                metrics.SERVICE_HEALTH.labels(*name, each).set(0)
            else:
                metrics.SERVICE_HEALTH.remove(*name, each)
