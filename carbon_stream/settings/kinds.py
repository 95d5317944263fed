"""Kinds of values that settings have, with the checks that explain what is wrong with one."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

Port = Annotated[int, Field(ge=1, le=65_535)]
Network = IPv4Network | IPv6Network


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _split(value: Any) -> Any:
    return tuple(part for part in value.replace(",", " ").split()) if isinstance(value, str) else value


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError(f"{error}; give networks such as 10.0.0.0/8,192.168.7.1/32") from None
    return values


def _servers(value: str) -> str:
    """`host:port` pairs, comma-separated, as every Kafka client takes them."""
    pairs = [pair.strip() for pair in value.split(",") if pair.strip()]
    if not pairs:
        raise ValueError("give at least one host:port")
    for place, pair in enumerate(pairs, 1):
        host, _, port = pair.rpartition(":")
        if "/" in pair or "@" in pair or not host or not port.isdigit() or not 0 < int(port) <= 65_535:
            raise ValueError(f"entry {place} is not host:port; give for example broker-1:9092,broker-2:9092")
    return ",".join(pairs)


def _admin_url(value: str) -> str:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or url.query or url.fragment:
        raise ValueError("give an address such as https://kong-admin.example.org:8444 or one with a path")
    if url.username is not None or url.password is not None:
        raise ValueError("give no user and password in the address: it is shown; a token has a setting of its own")
    return value


Upper = BeforeValidator(_upper)
"""For words that are written in any case."""
Servers = Annotated[str, AfterValidator(_servers)]
AdminUrl = Annotated[str, AfterValidator(_admin_url)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Words, separated by commas or spaces."""
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)]
