"""Ports: free ones are free, taken ones are named with their holder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from carbon_stream.local import PortTaken, ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_free_ports_differ_and_are_free() -> None:
    found = ports.free_ports(8)
    assert len(set(found)) == 8
    assert all(ports.is_free(port) for port in found)


def test_taken_port_names_the_holder_and_the_remedy(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortTaken, match=rf"port {port} on 127.0.0.1 is taken.*: choose another") as caught:
        ports.check_free(port, "choose another")
    assert f"process {os.getpid()} (" in str(caught.value)


def test_port_taken_on_all_addresses() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_bound_port_that_nobody_listens_on_is_taken() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        assert not ports.is_free(holder.getsockname()[1])


def test_free_port_passes(free_port: int) -> None:
    ports.check_free(free_port, "unused")


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_number_that_is_no_port(port: int) -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        ports.check_free(port, "unused")
