"""Where a taken-over partition goes on in its source topics: at the ledger's position, if the topic still has it."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

from carbon_stream.streaming.ledger import Tally
from carbon_stream.streaming.restore import Bounds, RestoreStalled

log = logging.getLogger(__name__)

SHORT_SIGHTS_MIN = 3
"""How often a topic must be seen to end before our position until it is believed to have been deleted and made anew."""


class Positions:
    """Checks one partition's positions; `name` is how its log lines begin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._short: Counter[str] = Counter()

    def checked(self, tally: Tally, topic: str, bounds: Bounds) -> Tally:
        """Positions that the topic no longer has are moved to where it begins, and it is said."""
        if tally.position > bounds.end:
            # reading a whole topic again counts it again: one answer of one broker is not enough for that
            self._short[topic] += 1
            if self._short[topic] < SHORT_SIGHTS_MIN:
                raise RestoreStalled(f"{topic} ends at {bounds.end}, before position {tally.position}: looking again")
            self._short[topic] = 0
            log.error(
                "%s: %s was made anew (position %d, end %d): reading it from %d",
                self._name, topic, tally.position, bounds.end, bounds.begin,
            )  # fmt: skip
            return replace(tally, position=bounds.begin)
        if tally.position < bounds.begin:
            if tally.at:
                log.error(
                    "%s: %s lost offsets %d to %d before they were read",
                    self._name, topic, tally.position, bounds.begin - 1,
                )  # fmt: skip
            return replace(tally, position=bounds.begin)
        return tally
