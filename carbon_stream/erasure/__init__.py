"""Erasing a person from what the service keeps of its own: table rows and dead letters.

The topics of events keep theirs until their retention is over; `docs/operations.md` says what that means.
"""
