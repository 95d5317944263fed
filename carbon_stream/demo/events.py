"""The twelve types of event as the platform's producers write them: valid, and with the field's own habits.

Habits are null for absent optional fields, "unknown" for an unknown address, integers where floats are meant and the
other way round, and extra fields that no contract names.
"""

import random
import uuid
from collections.abc import Callable
from typing import Any

from carbon_stream.demo.cast import ADDRESSES, ADMINS, AGENTS, PEOPLE, RAW, Hop, Person, Service

Event = dict[str, Any]


class Producer:
    """Makes events with random content; the same random generator and clock give the same events."""

    def __init__(self, rng: random.Random, clock: Callable[[], int]) -> None:
        self._rng = rng
        self._clock = clock

    def new_id(self) -> str:
        """A random UUID (version 4) of the seeded generator."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def envelope(self, event_type: str, source: str, correlation: str | None = None) -> Event:
        """The fields that all events have; some leave the optional ones out, some say null."""
        event: Event = {
            "eventId": self.new_id(),
            "eventType": event_type,
            "timestamp": self._clock(),
            "source": source,
        }
        if correlation is not None:
            event["correlationId"] = correlation
        elif self._rng.random() < 0.5:
            event |= {"correlationId": None, "causationId": None}
        if event_type != "DeploymentEvent" and self._rng.random() < 0.6:
            event["version"] = "1.0.0"
        if self._rng.random() < 0.1:
            event |= {"team": "power-and-gas", "x-batch": self._rng.randrange(1_000)}
        return event

    def api_call(self, service: Service, failing: bool = False) -> Event:
        """A request that the gateway served; 5xx and slow where the service is failing."""
        person = self._person()
        status = self._rng.choices((200, 201, 304, 400, 401, 403, 404, 500), (80, 6, 3, 3, 1.5, 2, 3, 0.5))[0]
        latency = self._latency(service.latency_ms)
        if failing and self._rng.random() < 0.6:
            status, latency = self._rng.choice((500, 502, 503, 504)), self._latency(service.latency_ms * 8)
        event = self.envelope("AuditAPICallEvent", "kong", correlation=self.new_id())
        event |= {
            "service": service.name,
            "endpoint": self._rng.choice(service.endpoints),
            "method": self._rng.choices(("GET", "POST", "PUT", "DELETE"), (70, 24, 4, 2))[0],
            "statusCode": status,
            "latencyMs": latency,
            "requestSizeBytes": self._rng.randrange(0, 4_000),
            "responseSizeBytes": int(self._rng.lognormvariate(8, 1.5)),
            "userId": None if status == 401 else person.user_id,
            "apiKey": None,
            "ipAddress": self._rng.choice(ADDRESSES),
            "errorMessage": f"upstream answered {status}" if status >= 500 else None,
        }
        return event

    def user_action(self) -> Event:
        """Somebody does something in the portal or in Superset."""
        person = self._person()
        action, kind = self._rng.choice(
            (("LOGIN", "session"), ("VIEW", "dashboard"), ("EXPORT", "dashboard"), ("RUN", "query"), ("EDIT", "chart"))
        )
        denied = self._rng.random() < person.denied_share
        event = self.envelope("AuditUserActionEvent", self._rng.choice(("portal-services", "superset-web")))
        event |= {
            "userId": person.user_id,
            "username": person.username,
            "action": action,
            "resource": f"{kind}/{self._rng.randrange(1, 25)}",
            "resourceType": kind,
            "result": "DENIED" if denied else self._rng.choices(("SUCCESS", "FAILURE"), (96, 4))[0],
            "ipAddress": self._rng.choice(ADDRESSES),
            "userAgent": self._rng.choice(AGENTS),
            "details": {"reason": "role lacks permission"} if denied else {},
        }
        return event

    def data_access(self, dataset: str) -> Event:
        """A query or a job reads, writes or exports a dataset."""
        person = self._person()
        operation = self._rng.choices(("READ", "WRITE", "EXPORT", "DELETE"), (80, 14, 5, 1))[0]
        denied = operation in ("EXPORT", "DELETE") and self._rng.random() < 0.3
        event = self.envelope("AuditDataAccessEvent", "trino-coordinator")
        event |= {
            "userId": person.user_id,
            "username": person.username,
            "datasetName": dataset,
            "operation": operation,
            "columns": self._rng.choice((None, ["price", "volume"], ["exposure_eur"])),
            "rowCount": None if denied else self._rng.randrange(1, 2_000_000),
            "query": f'TABLE "{dataset}" LIMIT 1000' if operation == "READ" else None,
            "engine": self._rng.choice(("trino", "spark")),
            "result": "DENIED" if denied else "SUCCESS",
            "ipAddress": self._rng.choice(ADDRESSES),
        }
        return event

    def admin_op(self) -> Event:
        """An administrator changes who may do what."""
        admin = self._rng.choice(ADMINS)
        operation = self._rng.choice(("GRANT_ROLE", "REVOKE_ROLE", "CREATE_USER", "ROTATE_KEY"))
        event = self.envelope("AuditAdminOperationEvent", "portal-services")
        event |= {
            "userId": admin.user_id,
            "operation": operation,
            "target": self._person().user_id,
            "targetType": "user",
            "result": self._rng.choices(("SUCCESS", "FAILURE"), (95, 5))[0],
            "parameters": {"role": self._rng.choice(("analyst", "engineer", "viewer"))},
            "ipAddress": self._rng.choice(ADDRESSES[:4]),
        }
        return event

    def ingestion(self, dataset: str | None = None, correlation: str | None = None) -> Event:
        """A load into the lake; now and then it fails or is partial."""
        name = dataset or self._rng.choice(RAW)
        records = self._rng.randrange(1_000, 900_000)
        event = self.envelope("DataIngestionEvent", "svc-airbyte", correlation)
        event |= {
            "datasetName": name,
            "recordCount": records,
            "sizeBytes": records * 118,
            "format": "parquet",
            "location": f"{name}/load={self._rng.randrange(10_000)}" if "://" in name else f"s3://lake/{name}",
            "status": self._rng.choices(("SUCCESS", "PARTIAL", "FAILURE"), (93, 4, 3))[0],
            "metadata": {"connector": "airbyte", "attempt": 1},
        }
        return event

    def quality(self, dataset: str, correlation: str | None = None) -> Event:
        """A check of a dataset, with its score."""
        check = self._rng.choice(("completeness", "freshness", "uniqueness", "range"))
        total = self._rng.randrange(10_000, 500_000)
        result = self._rng.choices(("PASS", "WARNING", "FAIL"), (88, 8, 4))[0]
        failed = 0 if result == "PASS" else int(total * (0.01 if result == "WARNING" else 0.12))
        event = self.envelope("DataQualityEvent", "dolphinscheduler-worker", correlation)
        event |= {
            "datasetName": dataset,
            "checkType": check.upper(),
            "checkName": f"{check}-{dataset.rsplit('/', 1)[-1]}",
            "result": result,
            "score": 1 if failed == 0 else round(1 - failed / total, 4),
            "failedRecords": failed,
            "totalRecords": total,
            "message": None if failed == 0 else f"{failed} of {total} records break the rule",
        }
        return event

    def transformation(self, hop: Hop, correlation: str) -> Event:
        """A run of the job that makes one dataset from another."""
        rows = self._rng.randrange(5_000, 400_000)
        failed = self._rng.random() < 0.04
        event = self.envelope("DataTransformationEvent", "dolphinscheduler-worker", correlation)
        event |= {
            "job": hop.name,
            "run": f"{hop.name}-{self._rng.randrange(100_000)}",
            "inputs": [hop.source],
            "outputs": [hop.target],
            "status": "FAILURE" if failed else "SUCCESS",
            "durationMs": self._latency(45_000),
            "rowsIn": rows,
            "rowsOut": 0 if failed else rows // (60 if hop.kind == "AGGREGATE" else 1),
            "message": "executor lost" if failed else None,
        }
        return event

    def lineage(self, hop: Hop, correlation: str | None = None) -> Event:
        """What the job tells of where its output came from."""
        columns: list[Event] = []
        for source, target, expression in hop.columns:
            column: Event = {"sourceColumn": source, "targetColumn": target}
            if expression is not None or self._rng.random() < 0.5:
                column["transformation"] = expression
            columns.append(column)
        event = self.envelope("DataLineageEvent", "dolphinscheduler-worker", correlation)
        event |= {
            "sourceDataset": hop.source,
            "targetDataset": hop.target,
            "transformationType": hop.kind,
            "transformationName": hop.name,
            "query": None,
            "columns": columns,
        }
        return event

    def security(self) -> Event:
        """Something for the security people."""
        category, severity, text = self._rng.choice(
            (
                ("AUTHENTICATION", "MEDIUM", "five failed logins within a minute"),
                ("AUTHORIZATION", "LOW", "access to a restricted dataset refused"),
                ("NETWORK", "HIGH", "port scan from inside the cluster"),
                ("SECRETS", "CRITICAL", "a token appeared in a public log"),
            )
        )
        person = self._person()
        event = self.envelope("SecurityEvent", "kong")
        event |= {
            "category": category,
            "severity": severity,
            "principal": person.user_id,
            "ipAddress": self._rng.choice(ADDRESSES),
            "resource": None,
            "action": None,
            "outcome": "BLOCKED",
            "message": text,
        }
        return event

    def _person(self) -> Person:
        return self._rng.choices(PEOPLE, range(len(PEOPLE), 0, -1))[0]

    def _latency(self, usual: float) -> float | int:
        """Log-normal around the usual value; integers and floats alike, as producers send them."""
        value = self._rng.lognormvariate(0, 0.45) * usual
        return round(value) if self._rng.random() < 0.4 else round(value, 3)
