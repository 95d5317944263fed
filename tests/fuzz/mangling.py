"""What goes wrong with what is sent: in its values, in its text, in its encoding, in its headers. Pure."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any, Final

import brotli
from backports import zstd

Json = Any

WEIRD: Final[list[Json]] = [
    *(None, True, 0, -1, 1.5, -0.0, 1e300, 2**63, -(2**63) - 1, 10**40, float("nan"), float("inf"), "", " "),
    *("x" * 5_000, "\x00", "\ud800", "\u202e", "NaN", "1", "{}", [], {}, [[]], {"": None}, ["a", 1]),
    "2026-13-40T99:00:00Z",
]  # fmt: skip


def change_value(dice: random.Random, value: Json) -> Json:
    """The same with one member or element at any depth replaced, taken out, or put in."""
    if not isinstance(value, dict | list) or not value or dice.random() < 0.1:
        return dice.choice(WEIRD)
    if isinstance(value, list):
        place = dice.randrange(len(value))
        return [*value[:place], change_value(dice, value[place]), *value[place + 1 :]]
    name = dice.choice(sorted(value))
    match dice.randrange(6):
        case 0:
            return {key: member for key, member in value.items() if key != name}
        case 1:
            return {**value, dice.choice(["", "eventId", "x" * 300, "\x00", "context"]): dice.choice(WEIRD)}
        case 2:
            return {**value, name: dice.choice(WEIRD)}
        case _:
            return {**value, name: change_value(dice, value[name])}


def _nested(dice: random.Random, text: bytes) -> bytes:
    depth = dice.choice([30, 34, 1_000, 100_000])
    opened, closed = dice.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return opened * depth + text + closed * dice.choice([depth, depth - 1, 0])


def _deep_inside(dice: random.Random, text: bytes) -> bytes:
    return text.replace(b"}", b', "deep": ' + _nested(dice, b"1") + b"}", 1)


def _put_in(*pieces: bytes) -> Callable[[random.Random, bytes], bytes]:
    def change(dice: random.Random, text: bytes) -> bytes:
        place = dice.randrange(len(text) + 1)
        return text[:place] + dice.choice(pieces) + text[place:]

    return change


def _flip(dice: random.Random, text: bytes) -> bytes:
    changed = bytearray(text)
    for _ in range(dice.choice([1, 1, 5])):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _number(dice: random.Random, text: bytes) -> bytes:
    digits = [b"1e400", b"-1e-400", b"9" * 400, b"0." + b"9" * 400, b"01", b"+1", b"1.", b"0x1", b"NaN", b"-Infinity"]
    return text.replace(b": 1", b": " + dice.choice(digits), 1)


def _twice(dice: random.Random, text: bytes) -> bytes:
    name = dice.choice([b"eventId", b"eventType", b"source", b"id", b"specversion", b"request"])
    return text.replace(b"{", b'{"' + name + b'": "first", ', dice.choice([1, 5]))


TEXT: Final[list[Callable[[random.Random, bytes], bytes]]] = [
    _nested,
    _deep_inside,
    _flip,
    _number,
    _twice,
    _put_in(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"),  # not UTF-8
    _put_in(b"\x00", b"\x1f", b"\\ud800", b"\\u0000", b"\\x", b'"', b",", b"\n", b"\r\n\r\n", b"\xe2\x80\xa8"),
    lambda dice, text: text[: dice.randrange(len(text) + 1)],
    lambda _, text: b"\xef\xbb\xbf" + text,
    lambda _, text: text.decode(errors="replace").encode("utf-16", "replace"),
    lambda dice, text: text + dice.choice([b" ", b"]", b"null", b"\n" * 1_000, text]),
    lambda dice, text: dice.choice([b"", b" ", b"[", b"null", b"[]", b"{}", b'""', b"\n\n", b"[null]", b"[[]]"]),
]

CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": zlib.compress,
    "zstd": lambda data: zstd.compress(data, 3),
    "br": lambda data: brotli.compress(data, quality=3),
}


def encoded(dice: random.Random, text: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Compressed as its header says."""
    coding = dice.choice(sorted(CODINGS))
    return CODINGS[coding](text), [("Content-Encoding", dice.choice([coding, coding.upper(), f" {coding} "]))]


def badly_encoded(dice: random.Random, text: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Cut, damaged, mixed, twice, mislabelled, or a bomb."""
    coding, other = dice.sample(sorted(CODINGS), 2)
    data = CODINGS[coding](text)
    match dice.randrange(7):
        case 0:
            data = data[: dice.randrange(len(data) + 1)]
        case 1:
            data = _flip(dice, data)
        case 2:
            data += dice.choice([b"\x00", b"more", CODINGS[other](text), data])
        case 3:
            coding = other
        case 4:
            return CODINGS[other](data), [("Content-Encoding", f"{coding}, {other}")]
        case 5:
            return CODINGS[coding](bytes(30 << 20)), [("Content-Encoding", coding)]
        case _:
            return data, [("Content-Encoding", coding), ("Content-Encoding", dice.choice([other, "", "nonsense"]))]
    return data, [("Content-Encoding", coding)]


MEDIA_TYPES: Final = [
    *("application/json; charset=utf-16", "application/json; charset=nonsense", "application/json; charset"),
    *("text/plain", "application/json;charset=UTF-8", "APPLICATION/JSON", "*/*", "", "/", "multipart/form-data"),
    "application/xml",
    *("application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json", "\xff\xfe"),
]  # fmt: skip

HEADERS: Final[list[tuple[str, str]]] = [
    *(("Prefer", "handling=strict"), ("Prefer", 'handling="'), ("X-Request-Id", "\x01\x02"), ("X-Request-Id", "mine")),
    *(("X-Consumer-Username", "root"), ("X-Forwarded-For", "1.2.3.4, , ::"), ("X-Forwarded-Client-Cert", 'URI="')),
    *(("traceparent", "00-zz"), ("tracestate", "a=b,\xff"), ("User-Agent", "\xc3\x28" * 300)),
    ("Authorization", "Bearer"),
    *(("X-Injected", "a\r\nX-Second: b"), ("X-Injected", "a\nb"), ("X-Injected", "a\rb"), ("X-Injected", "a\x00b")),
    *(("X-Long", "y" * 20_000), ("X Space", "a"), ("", "a"), ("X-Fold", "a\r\n b"), ("Host", "other"), ("Host", "")),
    *(("ce-id", "%"), ("ce-id", "%ff%00"), ("ce-type", "DeploymentEvent"), ("ce-specversion", "0.3"), ("ce-a_b", "x")),
    *(("Idempotency-Key", '"'), ("Idempotency-Key", "k" * 300), ("Upgrade", "h2c"), ("Connection", "upgrade")),
    *(("Expect", "100-continue"), ("Expect", "200-never"), ("Accept", "nonsense"), ("Content-Type", "text/html")),
    *(("Range", "bytes=0-"), ("Cookie", "a=" * 2_000), ("Trailer", "Content-Length"), ("Transfer-Encoding", "gzip")),
]  # fmt: skip


def written(value: Json, lines: bool) -> bytes:
    """As JSON with whatever Python lets through: NaN, and half surrogates as escapes."""
    if lines and isinstance(value, list):
        return b"".join(json.dumps(one).encode() + b"\n" for one in value)
    return json.dumps(value).encode()
