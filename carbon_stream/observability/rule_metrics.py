"""Metrics of routing rules and deliveries: a part of the one list in `metrics`."""

from __future__ import annotations

from carbon_stream.observability.instruments import SECONDS, Bounded, counter, gauge, histogram

RULE_EVENTS = counter(
    "rule_events_total",
    "events",
    "Events that a routing rule has matched, by what became of what it makes of them. Sent: the record is on the rule's"
    " topic or in the endpoint's outbox. Any other result is why nothing was sent; the event itself is not touched.",
    rule="name of the rule",
    result="sent, loop, hops, invalid, too-large, nothing-to-count, too-many, error",
)
RULES_IN_FORCE = gauge("rules_in_force", "rules", "Routing rules that this worker applies.", "livemin")
RULES_REFUSED = gauge(
    "rules_refused",
    "",
    "1 while the file of rules is not good and the rules before it stay in force, else 0.",
    "livemax",
)
DELIVERIES = counter(
    "deliveries_total",
    "attempts",
    "Requests to the URLs of rules, by what came of them.",
    endpoint="name of the endpoint",
    result="delivered, retried, refused (a dead letter), expired (a dead letter)",
)
DELIVERY = histogram(
    "delivery_duration_seconds",
    "seconds",
    "One request to the URL of an endpoint, to the end of its answer.",
    SECONDS,
    endpoint="name of the endpoint",
)
OUTBOX_WAITING = gauge(
    "outbox_oldest_seconds",
    "seconds",
    "Age of the oldest event that a deliverer of this process is busy with, 0 while there is none.",
    "livemax",
    endpoint="name of the endpoint",
)
CIRCUIT_OPEN = gauge(
    "endpoint_circuit_open", "", "1 while an endpoint is given time to recover, else 0.", "livemax",
    endpoint="name of the endpoint",
)  # fmt: skip

_rule = Bounded(600)


def count_rule(rule: str, result: str) -> None:
    """Counts an event that a rule has matched."""
    RULE_EVENTS.labels(_rule(rule), result).inc()
