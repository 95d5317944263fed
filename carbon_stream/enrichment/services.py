"""What is known of the services that send events: namespace, group, tier and owner.

The catalog of the platform's services is data (`services.json` beside this module). An operator adds services
or replaces entries with a file of the same form. A service is found by its name or an alias (the names of its
workloads and of its gateway upstream).
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from carbon_stream.errors import OperatorError

__all__ = ["Service", "load_services"]

_BUILT_IN = Path(__file__).with_name("services.json")
_FILE_BYTES_MAX = 4 << 20

Name = Annotated[str, Field(min_length=1, max_length=253)]


class Service(BaseModel):
    """One service. `tier` 1 is what the platform stands on, 2 what its users work with, 3 the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    aliases: tuple[Name, ...] = ()
    namespace: Name
    group: Name
    tier: Annotated[int, Field(ge=1, le=3)]
    owner: Name

    def context(self) -> dict[str, str | int]:
        """What goes into an event's `context.service`."""
        return {"namespace": self.namespace, "group": self.group, "tier": self.tier, "owner": self.owner}

    @cached_property
    def context_text(self) -> bytes:
        """The same as JSON; asked for with every event."""
        return orjson.dumps(self.context())


_SERVICES = TypeAdapter(tuple[Service, ...])


def load_services(override: Path | None = None) -> Mapping[str, Service]:
    """Services by name and alias: the built-in ones, then those of `override`, which win.

    Raises OperatorError when the file cannot be read or is not a list of services.
    """
    services = {service.name: service for service in _read(_BUILT_IN)}
    if override is not None:
        services.update({service.name: service for service in _read(override)})
    return MappingProxyType(_by_any_name(services.values()))


def _read(path: Path) -> tuple[Service, ...]:
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(f"the service catalog {path} cannot be read: {error.strerror or error}") from error
    if len(text) > _FILE_BYTES_MAX:
        raise OperatorError(f"the service catalog {path} has more than {_FILE_BYTES_MAX:,} bytes")
    try:
        return _SERVICES.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(map(str, first["loc"])) or "the whole"
        raise OperatorError(f"the service catalog {path} is not a list of services: {where}: {first['msg']}") from None


def _by_any_name(services: Iterable[Service]) -> dict[str, Service]:
    known: dict[str, Service] = {}
    for service in services:
        for alias in service.aliases:
            known.setdefault(alias, service)
    known.update({service.name: service for service in services})
    return known
