"""Transports by name."""

import os
from typing import TYPE_CHECKING, Final

from carbon_stream_producer.errors import ConfigurationError

if TYPE_CHECKING:
    from carbon_stream_producer.transports.base import AsyncTransport, Transport

__all__ = ["async_transport_of", "transport_of"]

_NAMES: Final = ("kafka", "http", "console", "noop")


def transport_of(given: "Transport | str | None") -> "Transport":
    """The transport itself, or a new one of that name; what is not given is CARBON_STREAM_TRANSPORT, else Kafka."""
    if given is not None and not isinstance(given, str):
        return given
    match _name(given):
        case "kafka":
            from carbon_stream_producer.transports.kafka import KafkaTransport

            return KafkaTransport()
        case "http":
            from carbon_stream_producer.transports.http import HttpTransport

            return HttpTransport()
        case "console":
            from carbon_stream_producer.transports.console import ConsoleTransport

            return ConsoleTransport()
    from carbon_stream_producer.transports.noop import NoopTransport

    return NoopTransport()


def async_transport_of(given: "AsyncTransport | Transport | str | None") -> "AsyncTransport":
    """As `transport_of`; those for threads are bridged."""
    from inspect import iscoroutinefunction

    from carbon_stream_producer.transports.bridge import Bridge

    if given is None or isinstance(given, str):
        if _name(given) == "kafka":
            from carbon_stream_producer.transports.aiokafka import AiokafkaTransport

            return AiokafkaTransport()
        return Bridge(transport_of(given))
    if iscoroutinefunction(given.send):
        return given  # type: ignore[return-value]
    return Bridge(given)  # type: ignore[arg-type]


def _name(given: str | None) -> str:
    name = given or os.environ.get("CARBON_STREAM_TRANSPORT") or "kafka"
    if name not in _NAMES:
        whose = "transport" if given else "CARBON_STREAM_TRANSPORT"
        raise ConfigurationError(f"{whose}: there is no transport {name!r}; the names are {', '.join(_NAMES)}")
    return name
