"""`Idempotency-Key`: the same request again is answered as it was, and events without an id get the same ones.

The header is that of the IETF's draft (draft-ietf-httpapi-idempotency-key-header), a quoted string, or the bare text
that most clients send. It holds for one caller and one path.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.repeats.shared import SharedFile

__all__ = ["HEADER", "REPLAYED", "RequestKey", "RequestKeys", "key_of"]

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = {"Idempotency-Replayed": "true"}
"""On an answer that was given before."""
_CHARS_MAX: Final = 255
_ANSWER_BYTES_MAX: Final = 8 << 20
_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:carbon-stream:idempotency-key")
_MEANINGFUL: Final = ("content-type", "prefer")
"""Headers that say what a body means, beside the attributes of a CloudEvent (`ce-…`)."""


class RequestKey:
    """The key of one request, for one caller and path."""

    def __init__(self, caller: str, path: str, key: str) -> None:
        self.name = blake2b(f"{caller}\0{path}\0{key}".encode(), digest_size=20).hexdigest()
        self._namespace = uuid5(_NAMESPACE, self.name)

    def event_id(self, place: int) -> str:
        """The id of the event at a place of the request, where it has none."""
        return str(uuid5(self._namespace, str(place)))


def key_of(request: web.BaseRequest, caller: str) -> RequestKey | None:
    """The key that a request has. Raises ProblemError 400 for one that is not one."""
    values = request.headers.getall(HEADER, [])
    if not values:
        return None
    text = values[0].strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if len(values) > 1 or not 0 < len(text) <= _CHARS_MAX or not (text.isascii() and text.isprintable()):
        detail = f"{HEADER} is one string of 1 to {_CHARS_MAX} printable ASCII characters, a UUID for example"
        raise ProblemError(400, "Bad idempotency key", detail)
    return RequestKey(caller, request.path, text)


def digest_of(request: web.BaseRequest, body: bytes) -> bytes:
    """What two requests have in common that are the same."""
    digest = blake2b(body, digest_size=20)
    for name, value in sorted((name.lower(), value) for name, value in request.headers.items()):
        if name in _MEANINGFUL or name.startswith("ce-"):
            digest.update(f"\0{name}\0{value}".encode("utf-8", "surrogateescape"))
    return digest.digest()


class RequestKeys:
    """The requests of this host that had a key."""

    def __init__(self, file: SharedFile | None) -> None:
        self._file = file
        self._turns: dict[str, tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def turn(self, key: RequestKey) -> AsyncIterator[None]:
        """One request of a key at a time: a second one waits for the first one's answer."""
        lock, waiting = self._turns.setdefault(key.name, (asyncio.Lock(), []))
        waiting.append(None)
        try:
            async with lock:
                yield
        finally:
            waiting.pop()
            if not waiting:
                del self._turns[key.name]

    async def begin(self, key: RequestKey, digest: bytes) -> bytes | None:
        """The answer that this request had before, if any. Raises ProblemError 422 where the key was another's."""
        if self._file is None:
            return None
        found = await asyncio.to_thread(self._file.claim, key.name, digest)
        if found is None:
            return None
        if found.digest != digest:
            detail = f"this {HEADER} came with another request; send this one with a key of its own"
            raise ProblemError(422, "Idempotency key used before", detail)
        return None if found.body is None else zlib.decompress(found.body)

    async def finish(self, key: RequestKey, body: bytes) -> None:
        """Keeps the answer. One that is very large is not kept: the events are recognised all the same."""
        if self._file is not None and len(body) <= _ANSWER_BYTES_MAX:
            await asyncio.to_thread(self._file.answer, key.name, zlib.compress(body, 1))
