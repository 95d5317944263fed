"""One request, drawn from a seed and a number: the same ones give the same request, whatever went before."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

from tests.fuzz.documents import EVENTS, KINDS, KONG, REPLAY
from tests.fuzz.mangling import HEADERS, MEDIA_TYPES, TEXT, badly_encoded, change_value, encoded, written
from tests.fuzz.wire import Frame, badly_framed, framed

SOON: Final = 20
METHODS: Final = [b"PUT", b"GET", b"HEAD_", b"post", b"BREW", b"DELETE", b"OPTIONS", b"P\x00ST", b"PATCH"]
TARGETS: Final = [b"/v1/events?a=b", b"/v1/events/", b"//v1/events", b"/v1/%65vents", b"/%ff%00", b"*",
                  b"/../v1/events", b"http://other/v1/events", b"/v1/events#x", b"/" + b"a" * 9_000, b"/\xff",
                  b"/v1/lineage?dataset=%ff"]  # fmt: skip
READS: Final = [b"/v1/audit/events", b"/v1/audit/summary", b"/v1/health/services", b"/v1/lineage", b"/v1/datasets",
                b"/v1/dead-letters", b"/v1/topics", b"/v1/flow", b"/v1/events/story", b"/v1/types", b"/metrics", b"/",
                b"/v1/health/namespaces", b"/v1/datasets/x%2Fy", b"/v1/types/Nothing", b"/openapi.json"]  # fmt: skip
NAMES: Final = [
    b"by",
    b"from",
    b"to",
    b"limit",
    b"cursor",
    b"dataset",
    b"depth",
    b"direction",
    b"user",
    b"id",
    b"around",
]
VALUES: Final = [b"", b"0", b"-1", b"1e9", b"9" * 50, b"%00", b"%ff", b"%ed%a0%80", b"user", b"NaN", b"2026-11-24",
                 b"x" * 9_000, b"2026-11-24T04:30:00Z",
                 b"%", b"a%0d%0ab:c", b"1700000000000", b"both", b"%F0%9F%8C%8D"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """A request. `text` is its body before it is compressed, `good` whether nothing was done to it."""

    kind: str
    path: str
    text: bytes
    frame: Frame
    good: bool
    whole: bool
    """Whether what the service reads is `text`: well framed and well encoded."""


def draw(seed: int, number: int, token: str) -> Drawn:
    """The request of this number."""
    dice = random.Random(f"{seed}-{number}")
    if number >= SOON and dice.random() < 0.05:
        return draw(seed, number - SOON, token)  # the very same again
    if dice.random() < 0.12:
        return _read(dice)
    kind = dice.choice(sorted(KINDS))
    name = f"fz-{seed}-{number if dice.random() < 0.9 else number // 7 * 7}"  # some ids come again, as another event
    sent = KINDS[kind](dice, name)
    wrong = [False] * 5 if dice.random() < 0.3 else [dice.random() < 0.25 for _ in range(5)]
    value = change_value(dice, sent.value) if wrong[0] else sent.value
    text = written(value, sent.lines)
    if wrong[1]:
        text = dice.choice(TEXT)(dice, text)
    body, more = text, [("Host", "x")]
    if sent.path == REPLAY:
        more.append(("Authorization", f"Bearer {token}"))
    elif wrong[2]:
        body, coding = badly_encoded(dice, text)
        more += coding
    elif dice.random() < 0.3:
        body, coding = encoded(dice, text)
        more += coding
    media_type = dice.choice(MEDIA_TYPES) if wrong[3] else sent.media_type
    more += [("Content-Type", media_type), *sent.headers]
    if sent.path in (EVENTS, KONG) and dice.random() < 0.15:
        more.append(("Idempotency-Key", f"key-{dice.randrange(20)}"))
    method, target = b"POST", sent.path.encode()
    if wrong[3]:
        more += dice.sample(HEADERS, dice.choice([0, 1, 2]))
        method = dice.choice(METHODS) if dice.random() < 0.05 else method
        target = dice.choice(TARGETS) if dice.random() < 0.05 else target
    make = badly_framed if wrong[4] and dice.random() < 0.6 else framed
    frame = make(dice, method, target, more, body)
    if wrong[3]:
        frame = replace(frame, exact=False)  # a head that is malformed is answered and cut off, whatever follows it
    keyed = any(header == "Idempotency-Key" for header, _ in more)
    return Drawn(kind, sent.path, text, frame, not any(wrong) and not keyed, frame.exact and not wrong[2])


def _read(dice: random.Random) -> Drawn:
    pairs = [dice.choice(NAMES) + b"=" + dice.choice(VALUES) for _ in range(dice.choice([0, 1, 1, 2]))]
    target = dice.choice([*READS, *TARGETS]) + (b"?" + b"&".join(pairs) if pairs else b"")
    headers = [("Host", "x"), *(dice.sample(HEADERS, 1) if dice.random() < 0.3 else [])]
    body = b"{}" if dice.random() < 0.1 else b""
    return Drawn("read", "", b"", replace(framed(dice, b"GET", target, headers, body), exact=False), False, False)
