"""Asks a broker for the cluster's metadata, with nothing but a socket.

Start-up has to be synchronous and cheap, so this is one request by hand instead of a client: Metadata, API key 3,
version 1, with an empty list of topics (https://kafka.apache.org/protocol#The_Messages_Metadata).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from carbon_stream.local.properties import HOST

__all__ = ["ClusterState", "ask", "listens"]

_API_KEY, _API_VERSION, _CORRELATION_ID = 3, 1, 254
_CLIENT_ID = b"carbon-stream-probe"
_ANSWER_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What one broker believes: the brokers that are up (node ids) and whether there is an active controller."""

    brokers: frozenset[int]
    has_controller: bool


def ask(port: int, timeout_s: float = 2.0) -> ClusterState | None:
    """The cluster as the broker at 127.0.0.1:port sees it, or None while it does not answer."""
    header = struct.pack(">hhih", _API_KEY, _API_VERSION, _CORRELATION_ID, len(_CLIENT_ID)) + _CLIENT_ID
    request = header + struct.pack(">i", 0)
    try:
        with socket.create_connection((HOST, port), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (size,) = struct.unpack(">i", _receive(connection, 4))
            if not 4 <= size <= _ANSWER_BYTES_MAX:
                return None
            return _parse(_receive(connection, size))
    except (OSError, struct.error, EOFError):
        return None


def listens(host: str, port: int, timeout_s: float = 2.0) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError:
        return False
    return True


def _receive(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _parse(answer: bytes) -> ClusterState | None:
    correlation_id, count = struct.unpack_from(">ii", answer)
    if correlation_id != _CORRELATION_ID:
        return None
    at = 8
    brokers = set()
    for _ in range(count):
        (node,) = struct.unpack_from(">i", answer, at)
        brokers.add(node)
        at = _skip_string(answer, at + 4) + 4  # host, port
        at = _skip_string(answer, at)  # rack, null is length -1
    (controller,) = struct.unpack_from(">i", answer, at)
    return ClusterState(frozenset(brokers), controller >= 0)


def _skip_string(answer: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">h", answer, at)
    return at + 2 + max(0, int(length))
