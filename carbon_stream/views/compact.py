"""Parts of rows that are kept encoded, because they are rarely read and take several times the space otherwise."""

from __future__ import annotations

from typing import Any

import orjson


def compact(value: Any) -> bytes:
    """The value in JSON, in no more memory than that takes.

    What orjson 3.13 returns keeps its whole buffer, 4 KB at least, for as long as it lives: hence the copy.
    """
    return bytes(memoryview(orjson.dumps(value)))
