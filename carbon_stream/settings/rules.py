"""Which events are sent on, and where requests may go."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from carbon_stream.settings.base import Part
from carbon_stream.settings.kinds import Words


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if "://" in value:
            raise ValueError(f"{value!r} is an address: give hosts such as hooks.example.org,*.svc.cluster.local")
        if "/" in value:
            try:
                ip_network(value)
            except ValueError as error:
                raise ValueError(f"{error}; give networks such as 10.0.0.0/8,192.168.7.1/32") from None
        elif "*" in value.removeprefix("*.") or not value.removeprefix("*."):
            raise ValueError(f"{value!r}: a * stands for the first part of a name, as in *.svc.cluster.local")
    return tuple(value.lower() for value in values)


class RulesSettings(Part):
    """Routing rules."""

    rules: Path | None = Field(None, description="YAML file of routing rules; read again when it changes")
    rules_hosts: Annotated[Words, AfterValidator(_hosts)] = Field(
        (), description="hosts, *.suffixes, addresses and networks that rules may send requests to; unset: none"
    )
