"""Whether a record speaks of somebody: by name, as a whole word, in whatever form JSON may give the name. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

Mentions = Callable[[Iterable[bytes | None]], bool]
"""Whether any of these texts has the name in it."""

_WORD = r"\w.@+\-"
"""What a name may go on with: `ann` is not in `ann.lee@example.org`, nor in `joann`."""


def mentions(name: str) -> Mentions:
    """A test for a name, which must not be empty."""
    assert name
    forms = {name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    alternatives = "|".join(re.escape(form) for form in sorted(forms))
    found = re.compile(rf"(?<![{_WORD}])(?:{alternatives})(?![{_WORD}])").search

    def told(texts: Iterable[bytes | None]) -> bool:
        # what is not UTF-8 may still have a name in it: each such byte becomes a character that is in no name
        return any(text and found(text.decode("utf-8", "replace")) for text in texts)

    return told
