"""Which format a request is in: by its path, its content type, and by the headers of CloudEvents."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.hdrs import CONTENT_TYPE

from carbon_stream.errors import ProblemError
from carbon_stream.ingest.formats import cloudevents_modes as modes
from carbon_stream.ingest.formats import kong, native
from carbon_stream.ingest.formats.reading import Reader, read_native

__all__ = ["MEDIA_TYPES", "Format", "format_of", "kong_format"]

MEDIA_TYPES: Final = (*native.MEDIA_TYPES, modes.STRUCTURED, modes.BATCH)

Split = Callable[[bytes, int], tuple[Iterator[bytes], bool]]


class Format(NamedTuple):
    """How a body is cut into events (and whether it is a single one), and how each is read."""

    split: Split
    read: Reader
    chunk: int = 500
    """Events that are checked before other requests have their turn: a few milliseconds."""
    lines: bool = False
    """Whether each line is an event, so that a long body can be taken while it arrives."""


_FORMATS_MAX: Final = 256
_formats: Final[dict[str | None, Format]] = {}
"""What a Content-Type says, as far as it alone says it: nearly all requests have one of a few."""


def format_of(request: web.BaseRequest) -> Format:
    """The format of a request. Raises ProblemError 415."""
    binary = modes.is_binary(request.headers)
    given = request.headers.get(CONTENT_TYPE)
    known = None if binary else _formats.get(given)
    if known is None:
        known = _format_of(request, binary)
        if not binary and len(_formats) < _FORMATS_MAX:
            _formats[given] = known
    return known


def _format_of(request: web.BaseRequest, binary: bool) -> Format:
    given = request.content_type if CONTENT_TYPE in request.headers else None
    media_type = native.media_type_of(given, request.charset, MEDIA_TYPES)
    if media_type == modes.STRUCTURED:
        return Format(_one, modes.read_structured)
    if media_type == modes.BATCH:
        return Format(_batch, modes.read_structured)
    if binary:
        if media_type != native.JSON:
            detail = "a CloudEvent in binary mode has one event's data as its body, in application/json"
            raise ProblemError(415, "Unsupported media type", detail, headers={"Accept": native.JSON})
        return Format(_one, modes.binary_reader(request.headers.items(), request.headers.get("Content-Type")))
    return Format(partial(native.split, media_type), read_native, lines=media_type == native.NDJSON)


def kong_format(request: web.BaseRequest) -> Format:
    """The format of what Kong's http-log plugin posts: one entry, an array, or a line each."""
    given = request.content_type if "Content-Type" in request.headers else None
    media_type = native.media_type_of(given, request.charset)
    return Format(partial(native.split, media_type), kong.read_entry, chunk=50, lines=media_type == native.NDJSON)


def _one(body: bytes, _: int) -> tuple[Iterator[bytes], bool]:
    return iter((body.removeprefix(native.BOM),)), True


def _batch(body: bytes, events_max: int) -> tuple[Iterator[bytes], bool]:
    raw_events, single = native.split(native.JSON, body, events_max)
    if single:
        raise ProblemError(400, "Not a batch", "a batch of CloudEvents is a JSON array")
    return raw_events, False
