"""Sends a data platform's events to carbon_stream: typed, checked, keyed, and never lost in silence.

Nothing happens at import: no thread, no connection, no client library. Classes for asyncio, the event classes and the
transports are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

from carbon_stream_producer.delivery import Delivery, OnDelivery, Receipt
from carbon_stream_producer.errors import (
    BufferFull,
    ConfigurationError,
    DeliveryFailed,
    FieldError,
    InvalidEvent,
    MissingExtra,
    ProducerClosed,
    ProducerError,
)
from carbon_stream_producer.flow import Flow, caused_by, current_flow, flow
from carbon_stream_producer.producer import EventProducer, Stats
from carbon_stream_producer.registry import get_event_producer
from carbon_stream_producer.settings import KafkaSettings

if TYPE_CHECKING:
    from carbon_stream_producer.async_producer import AsyncEventProducer, get_async_event_producer
    from carbon_stream_producer.generated.events import (
        AuditAdminOperationEvent,
        AuditAPICallEvent,
        AuditDataAccessEvent,
        AuditUserActionEvent,
        ColumnMapping,
        ConfigChangeEvent,
        DataIngestionEvent,
        DataLineageEvent,
        DataQualityEvent,
        DataTransformationEvent,
        DeploymentEvent,
        Event,
        SecurityEvent,
        ServiceHealthEvent,
    )
    from carbon_stream_producer.transports.aiokafka import AiokafkaTransport
    from carbon_stream_producer.transports.console import ConsoleTransport
    from carbon_stream_producer.transports.http import HttpTransport
    from carbon_stream_producer.transports.kafka import KafkaTransport
    from carbon_stream_producer.transports.noop import NoopTransport
    from carbon_stream_producer.transports.recording import RecordingTransport

_LATER = {
    "AiokafkaTransport": "transports.aiokafka",
    "AsyncEventProducer": "async_producer",
    "ConsoleTransport": "transports.console",
    "HttpTransport": "transports.http",
    "KafkaTransport": "transports.kafka",
    "NoopTransport": "transports.noop",
    "RecordingTransport": "transports.recording",
    "get_async_event_producer": "async_producer",
    **dict.fromkeys(
        (
            "AuditAPICallEvent",
            "AuditAdminOperationEvent",
            "AuditDataAccessEvent",
            "AuditUserActionEvent",
            "ColumnMapping",
            "ConfigChangeEvent",
            "DataIngestionEvent",
            "DataLineageEvent",
            "DataQualityEvent",
            "DataTransformationEvent",
            "DeploymentEvent",
            "Event",
            "SecurityEvent",
            "ServiceHealthEvent",
        ),
        "generated.events",
    ),
}

__all__ = [
    "AiokafkaTransport",
    "AsyncEventProducer",
    "AuditAPICallEvent",
    "AuditAdminOperationEvent",
    "AuditDataAccessEvent",
    "AuditUserActionEvent",
    "BufferFull",
    "ColumnMapping",
    "ConfigChangeEvent",
    "ConfigurationError",
    "ConsoleTransport",
    "DataIngestionEvent",
    "DataLineageEvent",
    "DataQualityEvent",
    "DataTransformationEvent",
    "Delivery",
    "DeliveryFailed",
    "DeploymentEvent",
    "Event",
    "EventProducer",
    "FieldError",
    "Flow",
    "HttpTransport",
    "InvalidEvent",
    "KafkaSettings",
    "KafkaTransport",
    "MissingExtra",
    "NoopTransport",
    "OnDelivery",
    "ProducerClosed",
    "ProducerError",
    "Receipt",
    "RecordingTransport",
    "SecurityEvent",
    "ServiceHealthEvent",
    "Stats",
    "caused_by",
    "current_flow",
    "flow",
    "get_async_event_producer",
    "get_event_producer",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
