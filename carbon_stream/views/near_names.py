"""Names that look like one that is not known, for answers that say so."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

SUGGESTIONS_MAX = 5
COMPARED_MAX = 500
"""Names that are compared letter by letter: of more, those whose length is nearest. Keeps it to a few milliseconds."""
SCANNED_MAX = 20_000


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Up to SUGGESTIONS_MAX of `names`: those that contain the name or are contained in it first, then similar ones."""
    wanted = name.casefold()
    scanned = list(islice(names, SCANNED_MAX))
    held = [known for known in scanned if len(wanted) > 1 and _holds(wanted, known.casefold())]
    found = sorted(held, key=lambda known: (abs(len(known) - len(name)), known))[:SUGGESTIONS_MAX]
    if len(found) < SUGGESTIONS_MAX:
        nearest = sorted(scanned, key=lambda known: (abs(len(known) - len(name)), known))[:COMPARED_MAX]
        similar = get_close_matches(name, nearest, SUGGESTIONS_MAX, cutoff=0.6)
        found += [known for known in similar if known not in found]
    return found[:SUGGESTIONS_MAX]


def _holds(one: str, other: str) -> bool:
    return one in other or (len(other) > 1 and other in one)
