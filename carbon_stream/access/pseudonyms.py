"""What stands for an API key in audit events: a hash with a secret of the installation (HMAC-SHA-256).

The same key gives the same hash, so a key can be followed through the trail; nobody who reads the trail can tell which
key it is, or try guesses without the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

__all__ = ["Pseudonyms", "installation_secret"]

_PREFIX: Final = "hmac:"
_FORM: Final = re.compile(r"hmac:[0-9a-f]{32}")
_FILE: Final = "api-key-hash.secret"
_SECRET_BYTES: Final = 32

log = logging.getLogger(__name__)


class Pseudonyms:
    """Makes the hashes. What has their form already is left as it is, so that nothing is hashed twice.

    `secret` is asked for when it is first needed.
    """

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = cache(secret)
        self._of = lru_cache(maxsize=4_096)(self._hash)

    def warm(self) -> None:
        """Asks for the secret now, so that what is wrong with it is told at the start."""
        self._secret()

    def of(self, api_key: str) -> str:
        """What stands for a key; the empty string is no key."""
        return api_key if not api_key or _FORM.fullmatch(api_key) else self._of(api_key)

    def apply(self, event: dict[str, Any]) -> None:
        """Replaces an event's `apiKey`, whatever its type, in place."""
        api_key = event.get("apiKey")
        if api_key is not None:
            event["apiKey"] = self.of(api_key if isinstance(api_key, str) else repr(api_key))

    def _hash(self, api_key: str) -> str:
        digest = hmac.new(self._secret(), api_key.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return _PREFIX + digest.hexdigest()[:32]


def installation_secret(folder: Path) -> bytes:
    """The secret of this installation, made at the first time and kept in its data directory, for its user alone.

    Where it cannot be kept one is made for this process alone, and a warning says what that means.
    """
    path = folder / _FILE
    try:
        kept = _read(path)
        if kept is None:
            _make(path)
            kept = _read(path)
        if kept is not None:
            return kept
        why = "it is not as it was written"
    except OSError as error:
        why = error.strerror or type(error).__name__
    log.warning(
        "the secret that API keys in audit events are hashed with cannot be kept in %s (%s): until it can, or"
        " CARBON_STREAM_API_KEY_HASH_SECRET is set, each process hashes a key differently",
        path,
        why,
    )
    return secrets.token_bytes(_SECRET_BYTES)


def _read(path: Path) -> bytes | None:
    try:
        kept = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except ValueError:
        return None
    return kept if len(kept) == _SECRET_BYTES else None


def _make(path: Path) -> None:
    """Whole or not at all, and never over one that another process has made meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{_FILE}-")  # mkstemp: readable by its user alone
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        os.unlink(name)
