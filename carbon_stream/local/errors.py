"""What can keep the embedded Kafka from running: one exception a cause, each message says what to do."""

from __future__ import annotations

from carbon_stream.errors import OperatorError

__all__ = [
    "ArtefactsUnavailable",
    "BrokerFailed",
    "CacheBroken",
    "DataDirectoryInUse",
    "DataDirectoryMismatch",
    "LocalKafkaError",
    "NotEnoughMemory",
    "PortTaken",
    "UnsupportedPlatform",
]


class LocalKafkaError(OperatorError):
    """The embedded Kafka cannot do what was asked."""


class ArtefactsUnavailable(LocalKafkaError):
    """The broker's jars are not in the cache and could not be fetched."""


class CacheBroken(LocalKafkaError):
    """Jars in the cache, or those that a repository served, are not what the checksum manifest says."""


class UnsupportedPlatform(LocalKafkaError):
    """No Java runtime for this machine, or parts of the package are not installed."""


class PortTaken(LocalKafkaError):
    """Something else listens on the port that was asked for."""


class NotEnoughMemory(LocalKafkaError):
    """Less memory is available than the brokers need."""


class DataDirectoryInUse(LocalKafkaError):
    """Another running process holds the data directory."""


class DataDirectoryMismatch(LocalKafkaError):
    """The data directory holds something else: another cluster, Kafka version, number of nodes, or foreign files."""


class BrokerFailed(LocalKafkaError):
    """A broker process ended by itself or did not answer in time; the message ends with its last log lines."""
