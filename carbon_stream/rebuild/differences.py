"""What has to be written so that rows made again take the place of those that stand. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from carbon_stream.projections.rebuilding import Family, Rebuilding
from carbon_stream.streaming.formats import Formats
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Key, Row, decode_key, encode_key
from carbon_stream.streaming.shard import Changes

ROWS_AT_ONCE = 2_000
"""Rows of one transaction, more where rows are together that must not be seen apart."""


@dataclass(slots=True)
class Differences:
    """Changes, in pieces that may be committed one after the other, and how many rows they change, add and remove."""

    pieces: list[Changes] = field(default_factory=list)
    rows: int = 0
    """All rows that can be made again, as they stand."""
    changed: int = 0
    added: int = 0
    gone: int = 0

    def __bool__(self) -> bool:
        return bool(self.pieces)


def differences(
    rebuilding: Rebuilding,
    formats: Formats,
    old: MemoryShard,
    new: MemoryShard,
    sinces: Mapping[Family, int | None],
    now: int,
) -> Differences:
    """What differs between the rows that should stand and `old`. `sinces` says from when on a family is whole.

    Raises NewerRow.
    """
    out = Differences()
    piece: Changes = {}
    for family, old_keys, new_keys in _groups(rebuilding, old, new):
        since = sinces[family]
        standing = {decode_key(key): _row(formats, old, key) for key in old_keys}
        made = {}
        for encoded in new_keys:
            key = decode_key(encoded)
            made[key] = rebuilding.aged(key, _row(formats, new, encoded), now)
        wanted = made if since is None else rebuilding.choose(standing, made, since)
        _compare(out, piece, formats, standing, wanted)
        if len(piece) >= ROWS_AT_ONCE:
            out.pieces.append(piece)
            piece = {}
    if piece:
        out.pieces.append(piece)
    return out


def _groups(
    rebuilding: Rebuilding, old: MemoryShard, new: MemoryShard
) -> Iterator[tuple[Family, list[bytes], list[bytes]]]:
    """Rows that are together: keys of those that stand and of those made again."""
    groups: dict[tuple[Family, Hashable], tuple[list[bytes], list[bytes]]] = defaultdict(lambda: ([], []))
    for side, shard in enumerate((old, new)):
        for encoded in shard.keys():  # noqa: SIM118 — a shard is no mapping
            key = decode_key(encoded)
            family = rebuilding.family_of(key[0])
            if family is not None:
                groups[family, rebuilding.together(key)][side].append(encoded)
    for (family, _), (old_keys, new_keys) in groups.items():
        yield family, old_keys, new_keys


def _row(formats: Formats, shard: MemoryShard, encoded: bytes) -> Row:
    stored = shard.get(encoded)
    assert stored is not None
    return formats.read(decode_key(encoded), orjson.loads(stored))


def _compare(
    out: Differences, piece: Changes, formats: Formats, standing: Mapping[Key, Row], wanted: Mapping[Key, Row]
) -> None:
    out.rows += len(standing)
    for key, row in wanted.items():
        before = standing.get(key)
        if before == row:
            continue
        out.added += before is None
        out.changed += before is not None
        piece[encode_key(key)] = orjson.dumps(formats.write(key, row))
    for key in standing.keys() - wanted.keys():
        out.gone += 1
        piece[encode_key(key)] = None
