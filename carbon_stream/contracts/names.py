"""Names on Kafka that are no event topic: the application id, dead letters, alerts and changelogs."""

APP_ID = "carbon-stream"
"""Faust app id and consumer group."""

DEAD_LETTERS = "carbon-stream.dead-letters"
ALERTS = "carbon-stream.alerts"
"""Services that became unhealthy, and healthy again: docs/alerts.md."""
SERVICE_STATUS = "carbon-stream.service-status"
"""Our own: observations of services, keyed by service, so that one agent sees all of one service in order."""

RULE_REPEATS = "carbon-stream.rule-repeats"
"""Our own: what rules that count have matched, keyed by rule and by whatever they count."""
OUTBOX_PREFIX = "carbon-stream.outbox."
"""Followed by an endpoint's name: events that wait to be posted to it."""


def changelog(table: str) -> str:
    """The changelog topic of a table."""
    return f"{APP_ID}-{table}-changelog"
