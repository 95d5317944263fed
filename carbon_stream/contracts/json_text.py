"""JSON text to Python objects, strictly: what another reader of the same bytes might read otherwise is refused.

UTF-8 without a byte order mark, one object, no NaN or infinity, no number that overflows, no integer beyond 64 bits
(orjson would silently make it a float), no half of a surrogate pair, bounded size and nesting. Of a key that is
there twice the last one counts, as in JavaScript and Python.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from carbon_stream.contracts import limits
from carbon_stream.contracts.invalid import (
    EMPTY,
    INVALID,
    NOT_AN_OBJECT,
    NOT_JSON,
    NOT_UTF8,
    TOO_DEEP,
    TOO_LARGE,
    FieldError,
    Invalid,
    whole,
)

_DIGITS = bytes(0x30 if chr(byte) in "0123456789" else 0x20 for byte in range(256))
_LONG = b"0" * 19  # 2**63 has 19 digits
_STRIDE = 3
_LONG_STRIDDEN = b"0" * (19 // _STRIDE)


def loads(raw: bytes, max_bytes: int, max_nesting: int) -> dict[str, Any]:
    """The object that the bytes hold, or Invalid."""
    if not raw:
        raise whole(EMPTY, "there is no event: the value is empty")
    if len(raw) > max_bytes:
        raise whole(TOO_LARGE, f"the event has {len(raw):,} bytes, {max_bytes:,} are allowed")
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _not_json(raw, error, max_nesting) from None
    if type(data) is not dict:
        raise whole(NOT_AN_OBJECT, f"an event is a JSON object, this is {describe(data)}")
    if raw.count(b"{") + raw.count(b"[") > max_nesting and nesting(raw, max_nesting) > max_nesting:
        raise _too_deep(max_nesting)
    if may_have_long_number(raw):
        _refuse_big_integers(raw)
    return data


def may_have_long_number(raw: bytes) -> bool:
    """Whether 19 or more digits stand in a row. Looks at every third byte first, which is three times as fast."""
    return _LONG_STRIDDEN in raw[::_STRIDE].translate(_DIGITS) and _LONG in raw.translate(_DIGITS)


def nesting(raw: bytes, enough: int) -> int:
    """How deep objects and arrays nest in valid JSON text, counted up to one more than `enough`.

    Each round takes away the innermost pairs of brackets. Nothing is walked in Python, so that a megabyte of brackets
    costs milliseconds.
    """
    brackets = _STRING.sub(b"", raw).translate(_BRACKETS, delete=_NO_BRACKETS)
    depth = 0
    while brackets and depth <= enough:
        brackets = brackets.replace(b"[]", b"")
        depth += 1
    return depth


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"{}[]")


def describe(value: object) -> str:
    """A value's JSON type in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
    return "an object"


def pointer(path: tuple[str | int, ...]) -> str:
    """An RFC 6901 pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _not_json(raw: bytes, error: orjson.JSONDecodeError, max_nesting: int) -> Invalid:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return whole(NOT_UTF8, f"byte {wrong.start} is not UTF-8: {wrong.reason}")
    if "depth limit" in error.msg or "recursion" in error.msg:
        return _too_deep(max_nesting)
    return whole(NOT_JSON, f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})")


def _too_deep(max_nesting: int) -> Invalid:
    return whole(TOO_DEEP, f"objects and arrays nest more than {max_nesting} deep")


class _Big:
    """Stands for an integer beyond 64 bits."""


def _integer(digits: str) -> int | _Big:
    if len(digits) > 20:
        return _Big()
    value = int(digits)
    return value if -limits.INT64_MAX - 1 <= value <= limits.UINT64_MAX else _Big()


def _refuse_big_integers(raw: bytes) -> None:
    """Read again with a parser that keeps integers apart; the nesting is known to be bounded by now."""
    data = json.loads(raw, parse_int=_integer)
    errors = tuple(
        FieldError(pointer(path), "big-integer", "an integer beyond 64 bits; send it as a string")
        for path, _ in zip(_big_integers(data), range(limits.ERRORS), strict=False)
    )
    if errors:
        raise Invalid(INVALID, errors)


def _big_integers(data: Any) -> Iterator[tuple[str | int, ...]]:
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), data)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, _Big):
            yield path
        elif isinstance(value, dict):
            pending.extend(((*path, key), child) for key, child in reversed(value.items()))
        elif isinstance(value, list):
            pending.extend(((*path, index), child) for index, child in reversed(tuple(enumerate(value))))
