"""What stands on our own topics: observations of services on their way to the alerts agent, and alerts.

Both are JSON, as events are. Nobody else writes the first; the second is for whoever wants to be told
(`docs/alerts.md`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid5

import msgspec

from carbon_stream.contracts.invalid import EMPTY, INVALID, Invalid, whole

ALERT_TYPE: Final = "ServiceAlertEvent"
SOURCE = "carbon-stream"
VERSION = "1.0.0"
_IDS = UUID("6f0d1f4e-3f5b-5c55-9a52-7c1c7d0b6c1a")
_YEAR_10000_MS = 253_402_300_800_000

Status = Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"]
State = Literal["FIRING", "RESOLVED"]
Origin = tuple[str, int, int]
"""Topic, partition and offset of a record."""


class Observation(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A service as it was seen. `at` is when it counts (ms), `origin` the record that says so.

    `timestamp`, `source` and `event_id` are what a stage asks of any event; one of ours is known by where it stands.
    """

    namespace: str
    service: str
    status: Status
    at: int
    origin: Origin
    message: str | None = None

    @property
    def timestamp(self) -> int:
        return self.at

    @property
    def source(self) -> str:
        return SOURCE

    @property
    def event_id(self) -> None:
        return None


class Alert(msgspec.Struct, rename="camel", frozen=True):
    """A service has become unhealthy (`FIRING`) or is healthy again (`RESOLVED`); both have the same correlationId."""

    event_id: str
    event_type: Literal["ServiceAlertEvent"]
    timestamp: int
    source: str
    version: str
    correlation_id: str
    alert: Literal["service-unhealthy"]
    state: State
    namespace: str
    service_name: str
    status: Status
    previous_status: Status | None
    since: int
    """When the service became unhealthy, ms."""
    message: str | None


class Written(NamedTuple):
    """A record's key, value and headers."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Observation).decode


def write_observation(observation: Observation) -> Written:
    """An observation, keyed by its service."""
    return Written(_key(observation.namespace, observation.service), _encode(observation))


def write_alert(alert: Alert) -> Written:
    """An alert, keyed by its service, with the headers of a CloudEvent in Kafka's binary mode."""
    headers = [
        ("ce_id", alert.event_id.encode()),
        ("ce_type", alert.event_type.encode()),
        ("ce_source", alert.source.encode()),
        ("ce_specversion", b"1.0"),
        ("content-type", b"application/json"),
    ]
    if 0 <= alert.timestamp < _YEAR_10000_MS:
        at = datetime.fromtimestamp(alert.timestamp / 1000, UTC)
        headers.append(("ce_time", at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()))
    return Written(_key(alert.namespace, alert.service_name), _encode(alert), tuple(headers))


def alert_id(state: str, observation: Observation) -> str:
    """The same observation gives the same id, whoever folds it and however often."""
    return str(uuid5(_IDS, f"{state}/{observation.namespace}/{observation.service}/{observation.origin}"))


def observation_decoder(_: str) -> Callable[[bytes | None], Observation]:
    """The decoder of our own topic: gives an observation or raises Invalid."""
    return _read


def _read(raw: bytes | None) -> Observation:
    if not raw:
        raise whole(EMPTY, "the record has no value")
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _not_ours(error) from None


def _not_ours(error: Exception) -> Invalid:
    return whole(INVALID, f"this is no observation of ours: {error}")


def _key(namespace: str, service: str) -> bytes:
    return f"{namespace}/{service}".encode("utf-8", "surrogatepass")
