"""Requests as bytes on a socket, well framed and badly, and answers read by the letter of HTTP/1.1 (h11)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Final

import h11

ANSWER_S_MAX: Final = 90.0
ASKED: Final = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    closing: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A request's bytes in the parts that they are written in. `exact`: whether it ends where it says it does."""

    parts: list[bytes]
    exact: bool = True
    leaves: bool = False
    """The sender goes away once all is written, and reads no answer."""


def head(method: bytes, target: bytes, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", *lines, b"", b""])


def framed(dice: random.Random, method: bytes, target: bytes, headers: list[tuple[str, str]], body: bytes) -> Frame:
    """Well framed: by its length or in chunks, in one part or several."""
    if dice.random() < 0.7:
        text = head(method, target, [*headers, ("Content-Length", str(len(body)))]) + body
    else:
        ending = dice.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX-Trailer: a\r\n\r\n"])
        text = head(method, target, [*headers, ("Transfer-Encoding", "chunked")]) + _chunks(dice, body) + ending
    return Frame(_parts(dice, text))


def badly_framed(
    dice: random.Random, method: bytes, target: bytes, headers: list[tuple[str, str]], body: bytes
) -> Frame:
    """Lengths that are wrong, missing, contradictory or no numbers, chunks that are broken, senders that go away."""
    length, chunked = ("Content-Length", str(len(body))), ("Transfer-Encoding", "chunked")
    chunks = _chunks(dice, body)
    match dice.randrange(8):
        case 0:
            text = head(method, target, [*headers, ("Content-Length", str(len(body) + dice.choice([1, 1_000])))]) + body
        case 1:
            less = max(0, len(body) - dice.choice([1, 10, 100]))
            text = head(method, target, [*headers, ("Content-Length", str(less))]) + body
        case 2:
            wrong = dice.choice(["-1", "+5", "5a", "0x10", "1e3", "9" * 30, "", "5, 5", " "])
            text = head(method, target, [*headers, ("Content-Length", wrong)]) + body
        case 3:
            text = head(method, target, [*headers, length, chunked]) + chunks + b"0\r\n\r\n"
        case 4:
            text = head(method, target, [*headers, length, ("Content-Length", "1")]) + body
        case 5:
            broken = dice.choice([b"zz\r\n", b"-1\r\n", b"f" * 20 + b"\r\n", b"5\r\nabc\r\n", b"3;" + b"x" * 20_000])
            text = head(method, target, [*headers, chunked]) + chunks + broken
        case 6:
            text = head(method, target, headers) + body
        case _:
            text = head(method, target, [*headers, length]) + body
            return Frame(_parts(dice, text[: dice.randrange(len(text) + 1)]), exact=False, leaves=True)
    return Frame(_parts(dice, text), exact=False)


def _chunks(dice: random.Random, body: bytes) -> bytes:
    pieces, place = [], 0
    while place < len(body):
        size = dice.choice([1, 10, 1_000, 100_000])
        piece = body[place : place + size]
        extension = dice.choice([b"", b"", b";a=b"])
        pieces.append(b"%x" % len(piece) + extension + b"\r\n" + piece + b"\r\n")
        place += size
        if len(pieces) > 50:
            size = len(body)
    return b"".join(pieces)


def _parts(dice: random.Random, text: bytes) -> list[bytes]:
    cuts = sorted(dice.randrange(len(text) + 1) for _ in range(dice.choice([0, 0, 0, 1, 3])))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


async def exchange(port: int, frame: Frame) -> list[Answer]:
    """All answers to what is written, in order; none where the connection was closed without one.

    Behind a frame that is exact and whose connection stays open a plain request is asked: where the one ends and the
    other begins, both sides agree. Raises h11.RemoteProtocolError for what is no HTTP, TimeoutError.
    """
    async with asyncio.timeout(ANSWER_S_MAX):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            if not await _write(writer, frame.parts):
                return await _answers(reader, None)
            if frame.leaves:
                return []
            if not frame.exact:
                return await _answers(reader, writer)
            answers = await _answers(reader, writer, 1)
            if answers and not answers[0].closing:
                await _write(writer, [ASKED])
                answers += await _answers(reader, writer, 1)
            return answers
        finally:
            writer.transport.abort()


async def _write(writer: asyncio.StreamWriter, parts: list[bytes]) -> bool:
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if len(parts) > 1:
                await asyncio.sleep(0.001)
    except ConnectionError:
        return False  # refused before all of it was there: the answer may still be
    return True


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, number: int = 9) -> list[Answer]:
    """So many answers, or all until the connection is closed."""
    answers: list[Answer] = []
    rest = b""
    while len(answers) < number:
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        parser.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        parser.send(h11.EndOfMessage())
        parser.receive_data(rest) if rest else None
        answer = await _answer(reader, parser)
        if answer is None:
            return answers
        answers.append(answer)
        rest = bytes(parser.trailing_data[0])
        if answer.closing:
            return answers
        if number == 9 and not rest and writer is not None:
            # the service waits for what was promised, or for a further request: it has nothing to say to this one
            writer.transport.abort()
            return answers
    return answers


async def _answer(reader: asyncio.StreamReader, parser: h11.Connection) -> Answer | None:
    found: h11.Response | None = None
    body = b""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            try:
                data = await reader.read(1 << 16)
            except ConnectionError:
                return None  # it was closed while there was more to read
            if not data and found is None and not parser.trailing_data[0]:
                return None
            parser.receive_data(data)
        elif isinstance(event, h11.Response):
            found = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert found is not None
            headers = {name.decode(): value.decode("latin-1") for name, value in found.headers}
            return Answer(found.status_code, headers, body, headers.get("connection", "").lower() == "close")
        else:
            assert isinstance(event, h11.InformationalResponse), event
