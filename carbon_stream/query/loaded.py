"""Answers wait until the views are loaded: before that they would be incomplete, and look complete."""

from __future__ import annotations

from carbon_stream.errors import ProblemError
from carbon_stream.query.answers import AsOf
from carbon_stream.views.freshness import Freshness
from carbon_stream.views.reader import ChangelogReader

_RETRY_S = 2


def as_of_when_loaded(reader: ChangelogReader, freshness: Freshness) -> AsOf:
    """The application's AS_OF: how fresh a table's views are, or a problem with status 503 while they are loading."""

    def as_of(table: str) -> int:
        if not reader.ready.is_set():
            raise ProblemError(
                503,
                "Views are loading",
                "the views are still being read from the changelogs, try again soon",
                headers={"Retry-After": str(_RETRY_S)},
            )
        return freshness.as_of(table)

    return as_of
