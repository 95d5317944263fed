"""Names on Kafka that are no event topic: the application id, dead letters, alerts and changelogs."""

APP_ID = "carbon-stream"
"""Faust app id and consumer group."""

DEAD_LETTERS = "carbon-stream.dead-letters"
ALERTS = "carbon-stream.alerts"


def changelog(table: str) -> str:
    """The changelog topic of a table."""
    return f"{APP_ID}-{table}-changelog"
