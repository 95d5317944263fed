"""Ports on 127.0.0.1: finding free ones and naming who holds a taken one."""

from __future__ import annotations

import random
import socket

from carbon_stream.local.errors import PortTaken
from carbon_stream.local.properties import HOST

__all__ = ["check_free", "free_ports", "is_free"]

# Below every system's range for outgoing connections (Linux 32768, macOS 49152 and up), so that a connection that is
# opened between our look and the broker's bind cannot take the port.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        if client.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
        # As the JVM does: connections in TIME_WAIT are no obstacle.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nothing listens. Raises PortTaken when there are none."""
    ports: list[int] = []
    for port in random.sample(range(_FIRST, _LAST), _LAST - _FIRST):
        if len(ports) == count:
            break
        if is_free(port):
            ports.append(port)
    if len(ports) < count:
        raise PortTaken(f"no {count} free ports between {_FIRST} and {_LAST} on {HOST}: end what occupies them")
    return ports


def check_free(port: int, remedy: str) -> None:
    """Raises PortTaken, with the holder where the system tells it and `remedy` as what to do."""
    if not 1 <= port <= 65_535:
        raise ValueError(f"a port is a number from 1 to 65535, not {port}")
    if not is_free(port):
        holder = _holder(port)
        by = f" by {holder}" if holder else ""
        raise PortTaken(f"port {port} on {HOST} is taken{by}: {remedy}")


def _holder(port: int) -> str | None:
    """For people: the process that listens on a port; None where the system does not say."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                if connection.pid is None:
                    return None
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except (psutil.Error, OSError):
        return None
    return None
