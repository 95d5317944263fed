"""What the audit asks of an event: who, at which service, did what, to what, with what result.

docs/audit.md says the same in words. The fold counts by these answers and the search for events filters by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

ANONYMOUS = "anonymous"
"""The user of an API call that names none."""
UNKNOWN = "unknown"
"""The resource of an administrative operation that names no target."""
ENTITY_CHARS_MAX = 256

CELLS = ("S", "F", "D", "1", "2", "3", "4", "X", "5")
"""What a slot counts: S, F, D the results of events that have no status; 1 to 5 the classes of status of API calls, the
4xx that are denials (401, 403) being X and not 4."""
CELL_RESULTS = ("SUCCESS", "FAILURE", "DENIED", "SUCCESS", "SUCCESS", "SUCCESS", "FAILURE", "DENIED", "FAILURE")
CELL_CLASSES = (None, None, None, "1xx", "2xx", "3xx", "4xx", "4xx", "5xx")
_CELL_OF_RESULT = {"SUCCESS": 0, "FAILURE": 1, "DENIED": 2, None: 0}
_CELL_OF_STATUS = tuple(
    7 if status in (401, 403) else status // 100 + (3 if status >= 500 else 2) for status in range(600)
)


class Columns(NamedTuple):
    """What the audit asks of events of one type, a list for each question; numbers of cells index `CELLS`."""

    users: Sequence[str]
    services: Sequence[str]
    actions: Sequence[str]
    resources: Sequence[str]
    cells: Sequence[int]
    latencies: Sequence[float]
    """In ms; empty for types that have none."""


def _user_actions(events: Sequence[Any]) -> Columns:
    return Columns(
        [event.user_id for event in events],
        [event.source for event in events],
        [event.action for event in events],
        [event.resource for event in events],
        [_CELL_OF_RESULT[event.result] for event in events],
        (),
    )


def _api_calls(events: Sequence[Any]) -> Columns:
    paths = [event.endpoint for event in events]
    return Columns(
        [event.user_id or ANONYMOUS for event in events],
        [event.service for event in events],
        [event.method for event in events],
        [path if "?" not in path else path[: path.index("?")] for path in paths],
        [_CELL_OF_STATUS[event.status_code] for event in events],
        [event.latency_ms for event in events],
    )


def _data_access(events: Sequence[Any]) -> Columns:
    return Columns(
        [event.user_id for event in events],
        [event.engine or event.source for event in events],
        [event.operation for event in events],
        [event.dataset_name for event in events],
        [_CELL_OF_RESULT[event.result] for event in events],
        (),
    )


def _admin_operations(events: Sequence[Any]) -> Columns:
    return Columns(
        [event.user_id for event in events],
        [event.source for event in events],
        [event.operation for event in events],
        [event.target or UNKNOWN for event in events],
        [_CELL_OF_RESULT[event.result] for event in events],
        (),
    )


COLUMNS: dict[str, Callable[[Sequence[Any]], Columns]] = {
    "audit-user-actions": _user_actions,
    "audit-api-calls": _api_calls,
    "audit-data-access": _data_access,
    "audit-admin-ops": _admin_operations,
}
"""By topic: what user, service, action, resource and result are."""


def bounded(entity: str) -> str:
    """The entity as rows name it: one that is too long is cut, and a digest keeps it apart from its like."""
    if len(entity) <= ENTITY_CHARS_MAX:
        return entity
    return f"{entity[: ENTITY_CHARS_MAX - 33]}…{sha256(entity.encode()).hexdigest()[:32]}"
