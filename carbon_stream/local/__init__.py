"""A real Kafka on this machine with nothing installed but Python: a Java runtime from PyPI, the broker from Maven."""

from carbon_stream.local.errors import (
    ArtefactsUnavailable,
    BrokerFailed,
    CacheBroken,
    DataDirectoryInUse,
    DataDirectoryMismatch,
    LocalKafkaError,
    NotEnoughMemory,
    PortTaken,
    UnsupportedPlatform,
)
from carbon_stream.local.kafka import LocalKafka

__all__ = [
    "ArtefactsUnavailable",
    "BrokerFailed",
    "CacheBroken",
    "DataDirectoryInUse",
    "DataDirectoryMismatch",
    "LocalKafka",
    "LocalKafkaError",
    "NotEnoughMemory",
    "PortTaken",
    "UnsupportedPlatform",
]
