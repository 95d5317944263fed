"""API keys: 256 random bits behind a public id, kept as a hash.

A password needs a slow hash because people choose few of them; of these keys there are 2^256, so a fast one gives
nothing away, and a flood of wrong keys costs a microsecond each.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from typing import Final, NamedTuple

__all__ = ["KEY_PREFIX", "NewKey", "hash_of", "id_of", "new_key", "same_hash"]

KEY_PREFIX: Final = "cs_"
_KEY: Final = re.compile(r"cs_(?P<id>[a-z][a-z0-9]{11})_[A-Za-z0-9_-]{43}")
_ALPHABET: Final = string.ascii_lowercase + string.digits
_NOBODY: Final = "0" * 64


class NewKey(NamedTuple):
    """A key that was just made; `key` is shown once and never kept."""

    key: str
    id: str
    sha256: str


def new_key() -> NewKey:
    """A key from the system's random numbers."""
    first = secrets.choice(string.ascii_lowercase)  # a letter, so that YAML never takes an id for a number
    public = first + "".join(secrets.choice(_ALPHABET) for _ in range(11))
    key = f"{KEY_PREFIX}{public}_{secrets.token_urlsafe(32)}"
    return NewKey(key, public, hash_of(key))


def id_of(key: str) -> str | None:
    """The public id of what has the form of a key."""
    found = _KEY.fullmatch(key)
    return found["id"] if found else None


def hash_of(key: str) -> str:
    """SHA-256 in hex, as keys are kept."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def same_hash(key: str, kept: str | None) -> bool:
    """Whether a key is the one whose hash was kept; takes as long when there is none."""
    return hmac.compare_digest(hash_of(key), kept or _NOBODY) and kept is not None
