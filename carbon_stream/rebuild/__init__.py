"""Making tables again from what the topics still hold, beside workers and queries (`carbon-stream tables rebuild`).

A partition's rows are made again beside the ones that stand, from the same topics, by the same folds, up to where the
ledger says that the rows come. Then the partition is taken from its worker for a moment, as a new owner would take it:
what was applied meanwhile is folded as well, and what differs is committed to the changelog. So every reader goes from
an old row to the new one, and a run that is cut short leaves each row as it was or as it should be.
"""
