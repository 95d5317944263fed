"""The story of each cycle: a configuration change, a deployment that breaks a service, a rollback that mends it.

Everything is a share of the cycle, so that the same story fits a short play and a long one.
"""

import random
from dataclasses import dataclass
from typing import Any, Final

from carbon_stream.demo.cast import ADMINS, SERVICES, VICTIMS, Service
from carbon_stream.demo.events import Event, Producer

CONFIG_AT: Final = 0.08
DEPLOY_AT: Final = 0.12
DOWN_AT: Final = 0.22
ROLLBACK_AT: Final = 0.50
WELL_AT: Final = 0.60
_BY_NAME: Final = {service.name: service for service in SERVICES}


@dataclass(frozen=True, slots=True)
class Incident:
    """One cycle's incident: the service that breaks, and its version before and after."""

    victim: Service
    bad_version: str

    @classmethod
    def of_cycle(cls, cycle: int) -> "Incident":
        """Cycles take the victims in turn, and each time the next version."""
        victim = _BY_NAME[VICTIMS[cycle % len(VICTIMS)]]
        return cls(victim, f"{victim.version}-r{cycle // len(VICTIMS) + 1}")

    def status(self, service: Service, share: float) -> str:
        """The health status of a service at this share of the cycle."""
        if service is not self.victim or not DEPLOY_AT <= share < WELL_AT:
            return "HEALTHY"
        return "UNHEALTHY" if DOWN_AT <= share < ROLLBACK_AT else "DEGRADED"


class Operations:
    """Makes the SYSTEM events of the story."""

    def __init__(self, rng: random.Random, producer: Producer) -> None:
        self._rng = rng
        self._producer = producer

    def health(self, service: Service, status: str) -> Event:
        """A service tells how it is."""
        slower, failing, message = {
            "HEALTHY": (1.0, 0.002, None),
            "DEGRADED": (3.5, 0.08, "latency above its objective"),
            "UNHEALTHY": (12.0, 0.62, "readiness probe failing: connection pool exhausted"),
        }[status]
        latency = self._rng.lognormvariate(0, 0.25) * service.latency_ms * slower
        event = self._producer.envelope("ServiceHealthEvent", service.name)
        event |= {
            "serviceName": service.name,
            "namespace": service.namespace,
            "healthStatus": status,
            "latencyMs": round(latency) if self._rng.random() < 0.3 else round(latency, 2),
            "errorRate": 0 if failing < 0.01 and self._rng.random() < 0.5 else round(failing, 4),
            "message": message,
        }
        return event

    def deployment(self, service: Service, action: str, version: str, previous: str | None) -> Event:
        """A deployment of a service: action DEPLOY, ROLLBACK, SCALE or RESTART."""
        event = self._producer.envelope("DeploymentEvent", "argo-cd")
        event |= {
            "deploymentName": service.name,
            "namespace": service.namespace,
            "action": action,
            "version": version,
            "previousVersion": previous,
            "replicas": 2,
            "deployedBy": ADMINS[0].username,
        }
        return event

    def config_change(self, service: Service, old: Any, new: Any) -> Event:
        """The connection pool of a service gets another size."""
        event = self._producer.envelope("ConfigChangeEvent", "portal-services")
        event |= {
            "component": service.name,
            "namespace": service.namespace,
            "key": "http.pool.max-connections",
            "oldValue": old,
            "newValue": new,
            "changedBy": ADMINS[1].username,
            "reason": "smaller pods" if new < old else "back to what worked",
        }
        return event

    def story(self, incident: Incident, before: float, share: float) -> list[tuple[Event, str]]:
        """Events that fall between two shares of the cycle, each with a line that tells of it."""
        return [
            (self._chapter(at, incident), _TOLD[at].format(name=incident.victim.name, bad=incident.bad_version))
            for at in _TOLD
            if before < at <= share
        ]

    def _chapter(self, at: float, incident: Incident) -> Event:
        victim, bad = incident.victim, incident.bad_version
        if at == CONFIG_AT:
            return self.config_change(victim, 100, 10)
        if at == DEPLOY_AT:
            return self.deployment(victim, "DEPLOY", bad, victim.version)
        if at == ROLLBACK_AT:
            return self.deployment(victim, "ROLLBACK", victim.version, bad)
        return self.config_change(victim, 10, 100)


_TOLD: Final = {
    CONFIG_AT: "{name}: its connection pool is cut to 10",
    DEPLOY_AT: "{name}: {bad} is deployed; it begins to degrade and will be UNHEALTHY soon",
    ROLLBACK_AT: "{name}: {bad} is rolled back",
    WELL_AT: "{name}: healthy again, its pool is what it was",
}
