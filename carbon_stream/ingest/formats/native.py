"""The native formats: one JSON object, a JSON array, or NDJSON.

A body becomes raw events, each its own JSON text, so that whatever the format every event is parsed, bounded and
judged alone, by the same code.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from carbon_stream.errors import ProblemError

__all__ = ["BOM", "JSON", "MEDIA_TYPES", "NDJSON", "empty_body", "media_type_of", "split", "too_many"]

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
MEDIA_TYPES: Final = (JSON, NDJSON)

_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_SPACE: Final = b" \t\r\n"
_CHEAP_ELEMENTS: Final = 10
"""Elements an allowed event that may be made before they are counted: 64 bytes of memory each."""
_TO_BRACKET: Final = re.compile(rb'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\[\]{}]*+)*+[\[\]{}]', re.DOTALL)
"""Everything up to and with the next bracket outside strings."""
BOM: Final = b"\xef\xbb\xbf"


def media_type_of(given: str | None, charset: str | None, known: tuple[str, ...] = MEDIA_TYPES) -> str:
    """One of the known ones for what Content-Type says; without one the body is JSON. ProblemError 415 otherwise."""
    if given is not None and given.lower() not in known:
        accepted = ", ".join(known)
        detail = f"Content-Type {given[:100]!r} is not accepted; send one of {accepted}"
        raise ProblemError(415, "Unsupported media type", detail, headers={"Accept": accepted})
    if charset is not None and charset.lower() not in _CHARSETS:
        raise ProblemError(415, "Unsupported media type", f"charset {charset[:100]!r} is not accepted; send UTF-8")
    return JSON if given is None else given.lower()


def split(media_type: str, body: bytes, events_max: int) -> tuple[Iterator[bytes], bool]:
    """The raw events of a body in order, and whether it is a single event (no array, no NDJSON).

    Raises ProblemError: 400 for an empty body and for an array that is not JSON, 413 for too many events. What is
    wrong with one event alone is left to its parser. Events are cut out one by one, as they are asked for.
    """
    body = body.removeprefix(BOM)
    if not body or body.isspace():
        raise empty_body()
    if media_type == NDJSON:
        if body.count(b"\n") >= events_max and sum(1 for _ in islice(_lines(body), events_max + 1)) > events_max:
            raise too_many(events_max)
        return _lines(body), False
    if body[:1] == b"{" or body.lstrip(_SPACE)[:1] != b"[":
        return iter((body,)), True
    return map(bytes, _elements(body, events_max)), False


def _lines(body: bytes) -> Iterator[bytes]:
    """Lines end in LF or CR LF (the NDJSON specification); blank ones are skipped, which it allows."""
    begin = 0
    while begin < len(body):
        end = body.find(b"\n", begin)
        line = body[begin : end if end >= 0 else len(body)]
        if line and not line.isspace():
            yield line
        begin = end + 1 if end >= 0 else len(body)


def _elements(body: bytes, events_max: int) -> list[msgspec.Raw]:
    """An array's elements, as views of the body.

    The whole array is checked to be JSON first, so that a body that is not is refused as a whole, never half taken.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise _bad("Not JSON", f"byte {error.start} of the body is not UTF-8: {error.reason}") from None
    # An element takes memory many times its two bytes of text, so their number is bounded before they are made.
    if body.count(b",") > _CHEAP_ELEMENTS * events_max and _more_than(body, events_max):
        raise too_many(events_max)
    try:
        elements = _ARRAY.decode(body)
    except RecursionError:
        raise _bad("Nested too deeply", "arrays and objects nest too deeply to be read") from None
    except msgspec.DecodeError as error:
        raise _bad("Not JSON", f"the body is not JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    if len(elements) > events_max:
        raise too_many(events_max)
    return elements


def _more_than(body: bytes, events_max: int) -> bool:
    """Whether an array has more elements, found without making them: commas at its first level.

    A comma inside a string at that level counts as well, which only an array of something else than events has.
    """
    depth = commas = 0
    for stretch in _TO_BRACKET.finditer(body):
        if depth == 1:
            commas += body.count(b",", stretch.start(), stretch.end())
            if commas >= events_max:
                return True
        depth += 1 if body[stretch.end() - 1] in b"[{" else -1
    return False


def _bad(title: str, detail: str) -> ProblemError:
    return ProblemError(400, title, detail)


def empty_body() -> ProblemError:
    """400 for a body without anything in it."""
    return _bad("Empty body", "the body is empty; send one JSON event, an array of events, or NDJSON")


def too_many(events_max: int) -> ProblemError:
    """413 for more events than a request may have."""
    return ProblemError(413, "Too many events", f"a request may have {events_max:,} events; send several requests")
