"""What versions the rows of each table have had: one place for the workers, who write them, and the views, who read.

All kinds of rows are at version 1 so far. To change what a kind's rows look like: a `Step` here, the fold and the views
for the newest version only, and a line in the changelog that says so ("Rows"). A release adds one step to a kind at
most, so that the release before it can be gone back to; a step stays for as long as rows of its older version may lie
in a changelog, which is until a round of the sweep has gone over every row.
"""

from __future__ import annotations

from carbon_stream.streaming.formats import Formats

FORMATS = {table: Formats() for table in ("audit", "health", "lineage", "datasets", "alerts", "repeats")}
"""By table."""
