"""Events to measure with: API calls at a platform, 500 users, 12 services, 100 endpoints, latencies of all sizes."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

TOPIC = "audit-api-calls"
_USERS, _ENDPOINTS = 500, 100
_SERVICES = (
    *("trino", "superset", "datahub-gms", "datahub-frontend", "dolphinscheduler", "mlflow"),
    *("iceberg-rest", "portal-services", "grafana", "prometheus", "spark-history", "portal"),
)
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_STATUSES = (200,) * 16 + (201, 304, 403, 503)
_AGE_MS_MAX = 60_000


def api_calls(count: int, seed: int, users: int = _USERS) -> Iterator[dict[str, Any]]:
    """`count` different events of the last minute; each of the first `users` of them is by another user."""
    rng = random.Random(seed)
    now = time.time_ns() // 1_000_000
    for number in range(count):
        yield {
            "eventId": str(UUID(int=rng.getrandbits(128), version=4)),
            "eventType": "AuditAPICallEvent",
            "timestamp": now - rng.randrange(_AGE_MS_MAX),
            "source": "kong",
            "version": "1.0.0",
            "service": rng.choice(_SERVICES),
            "endpoint": f"/api/v1/resources/{rng.randrange(_ENDPOINTS)}",
            "method": rng.choice(_METHODS),
            "statusCode": rng.choice(_STATUSES),
            "latencyMs": round(rng.lognormvariate(3, 1.2), 3),
            "requestSizeBytes": rng.randrange(100, 4_000),
            "responseSizeBytes": rng.randrange(100, 60_000),
            "userId": f"user-{number % users}",
            "ipAddress": f"10.20.{rng.randrange(8)}.{rng.randrange(250)}",
        }
