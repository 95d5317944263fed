"""One producer a service and process, for code that has nowhere to keep one."""

import threading
from typing import Any

from carbon_stream_producer.errors import ConfigurationError
from carbon_stream_producer.producer import EventProducer
from carbon_stream_producer.settings import service_name

__all__ = ["get_event_producer"]

_lock = threading.Lock()
_producers: dict[str, EventProducer] = {}


def get_event_producer(service: str | None = None, **options: Any) -> EventProducer:
    """The process's producer of this service, made at the first call (and again when it has been closed).

    `options` are EventProducer's, and can be given only while there is none.
    """
    name = service_name(service)
    with _lock:
        found = _producers.get(name)
        if found is None or found.closed:
            found = _producers[name] = EventProducer(name, **options)
        elif options:
            told = f"{name} has an open producer: give options at the first call, or make an EventProducer"
            raise ConfigurationError(told)
        return found
