"""Where requests may go: an allowlist of hosts, and addresses that none of them may stand for.

A name that is allowed may be made to point anywhere by whoever answers for its zone, so addresses are judged too, when
a connection is made. Those of the machine itself, of the link (where clouds have their metadata) and such are refused
unless they are listed as addresses or networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

__all__ = ["Hosts"]

Address = IPv4Address | IPv6Address
_METADATA: Final = tuple(map(ip_network, ("169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32")))
"""Where clouds tell their secrets: AWS, Azure, Google and most others on the link, Alibaba and Oracle beside it."""


class Hosts:
    """`listed`: names, `*.suffixes`, addresses and networks, in lower case."""

    def __init__(self, listed: Sequence[str]) -> None:
        self._names, self._suffixes = set[str](), list[str]()
        self._networks: list[IPv4Network | IPv6Network] = []
        for one in listed:
            try:
                self._networks.append(ip_network(one))
            except ValueError:
                if one.startswith("*."):
                    self._suffixes.append(one[1:])
                else:
                    self._names.add(one)

    def why_not_host(self, host: str) -> str | None:
        """Why a URL with this host is refused; None where it is allowed."""
        host = host.lower().rstrip(".")
        address = _address(host)
        if address is not None:
            return None if self._is_listed(address) else f"the address {address} is not listed"
        if host in self._names or any(host.endswith(suffix) for suffix in self._suffixes):
            return None
        return f"the host {host} is not listed"

    def why_not_address(self, text: str) -> str | None:
        """Why a connection to this address of an allowed host is refused; None where it is allowed."""
        address = _address(text.partition("%")[0])
        if address is None:
            return f"{text!r} is no address"
        if self._is_listed(address):
            return None
        if (
            address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or any(address in network for network in _METADATA)
        ):
            return f"the address {address} is of this machine, of its link or of a cloud's metadata, and is not listed"
        return None

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> Address | None:
    """An address in any of its writings; one of IPv4 that is dressed as IPv6 is one of IPv4."""
    try:
        parsed = ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or parsed.sixtofour or parsed
    return parsed
