"""Reading the live tail from outside: over any number of connections, each event once, until the caller stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from carbon_stream.errors import OperatorError

_SILENCE_S_MAX: Final = 45.0
"""Longer than the service is ever silent."""
_BACKOFF_S: Final = (0.5, 15.0)
_LINE_BYTES_MAX: Final = 8 << 20
"""Twice the largest record, whose JSON may be written longer than it was."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event of the stream: `kind` is "" for an event, else "refused" or "gap"."""

    kind: str
    data: dict[str, Any]


class Lines:
    """The lines of an event stream (WHATWG HTML, section 9.2.6) put together to messages."""

    def __init__(self) -> None:
        self.last_id = ""
        self._kind = ""
        self._data: list[bytes] = []

    def feed(self, line: bytes) -> Message | None:
        """Take one line without its end; a message when an empty one ends it."""
        if not line:
            data, kind = b"\n".join(self._data), self._kind
            self._data, self._kind = [], ""
            return Message(kind, orjson.loads(data)) if data else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._kind = value.decode()
        elif name == b"id":
            self.last_id = value.decode()
        return None


class Tail:
    """Follows a stream. `say` is told, for people, of connections that are lost."""

    def __init__(
        self,
        url: str,
        filters: Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        say: Callable[[str], None],
    ) -> None:
        self._url, self._filters, self._say = url.rstrip("/") + "/v1/events/stream", list(filters), say
        self._headers = {"Accept": "text/event-stream", **(headers or {})}
        self._last_id = ""
        self._next: dict[tuple[str, int], int] = {}

    async def messages(self) -> AsyncGenerator[Message, None]:
        """For ever. Raises OperatorError for an answer that trying again would not change."""
        attempt = 0
        timeout = ClientTimeout(total=None, sock_connect=10.0, sock_read=_SILENCE_S_MAX)
        async with ClientSession(timeout=timeout, read_bufsize=_LINE_BYTES_MAX) as session:
            while True:
                try:
                    async with await self._open(session) as response:
                        attempt = 0
                        async for message in self._read(response):
                            if self._is_new(message):
                                yield message
                    self._say("the stream has ended, reading on")
                except (ClientError, OSError, TimeoutError) as error:
                    self._say(f"no stream from {self._url}: {str(error) or type(error).__name__}; trying again")
                attempt += 1
                await asyncio.sleep(_pause_s(attempt))

    async def _open(self, session: ClientSession) -> ClientResponse:
        headers = {**self._headers, "Last-Event-ID": self._last_id} if self._last_id else self._headers
        response = await session.get(self._url, params=self._filters, headers=headers)
        if response.status in (408, 425, 429) or response.status >= 500:
            async with response:
                raise ClientError(await _told(response))
        if response.status != 200:
            async with response:
                raise OperatorError(f"{self._url} refuses the stream: {await _told(response)}")
        return response

    async def _read(self, response: ClientResponse) -> AsyncIterator[Message]:
        lines = Lines()
        async for line in response.content:
            message = lines.feed(line.rstrip(b"\r\n"))
            if message is not None:
                yield message
            if lines.last_id:
                self._last_id = lines.last_id

    def _is_new(self, message: Message) -> bool:
        """After a lost connection some may come again: what is in order within its partition is told by its offset."""
        if message.kind == "gap":
            return True
        place = (str(message.data["topic"]), int(message.data["partition"]))
        if message.data["offset"] < self._next.get(place, 0):
            return False
        self._next[place] = message.data["offset"] + 1
        return True


async def _told(response: ClientResponse) -> str:
    """What a problem document says, or the status."""
    try:
        document = orjson.loads(await response.content.read(64 << 10))
        return f"{response.status}, {document.get('detail') or document['title']}"
    except (ValueError, KeyError, AttributeError):
        return f"{response.status} {response.reason}"


def _pause_s(attempt: int) -> float:
    """Doubles, with half of it drawn, so that readers of a service that was restarted do not come all at once."""
    least, most = _BACKOFF_S
    longest = min(most, least * 2.0 ** min(attempt - 1, 10))
    return longest / 2 + random.random() * longest / 2
