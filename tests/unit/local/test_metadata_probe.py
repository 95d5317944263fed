"""The probe understands a broker's answer and nothing else. (A real broker answers it at every start in the suite.)"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from carbon_stream.local.probe import ClusterState, ask


def _string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def _answer(correlation_id: int = 254, controller: int = 2) -> bytes:
    brokers = b"".join(
        struct.pack(">i", node) + _string("127.0.0.1") + struct.pack(">i", 9092) + _string(rack)
        for node, rack in ((1, None), (2, "left"))
    )
    body = struct.pack(">ii", correlation_id, 2) + brokers + struct.pack(">ii", controller, 0)
    return struct.pack(">i", len(body)) + body


@pytest.fixture
def served() -> Iterator[Callable[[bytes], int]]:
    """Serves given bytes to one client; returns the port."""
    with ExitStack() as stack:

        def serve(answer: bytes) -> int:
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def once() -> None:
                client, _ = server.accept()
                with client:
                    client.recv(1024)
                    client.sendall(answer)

            thread = threading.Thread(target=once)
            thread.start()
            stack.callback(thread.join)
            return int(server.getsockname()[1])

        yield serve


def test_brokers_and_controller_are_read(served: Callable[[bytes], int]) -> None:
    assert ask(served(_answer())) == ClusterState(frozenset({1, 2}), has_controller=True)


def test_no_controller_yet(served: Callable[[bytes], int]) -> None:
    state = ask(served(_answer(controller=-1)))
    assert state is not None
    assert not state.has_controller


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", _answer()[:20], _answer(correlation_id=1), struct.pack(">i", -5)],
    ids=["closed", "http", "cut", "another", "negative"],
)
def test_whatever_else_answers_is_no_broker(answer: bytes, served: Callable[[bytes], int]) -> None:
    assert ask(served(answer)) is None


def test_nobody_answers(free_port: int) -> None:
    assert ask(free_port) is None
