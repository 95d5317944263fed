"""What rules and deliverers report becomes metrics: `rules.engine.RuleObserver`, `delivery.observer`."""

from __future__ import annotations

from collections.abc import Sequence

from carbon_stream.observability import rule_metrics

__all__ = ["DeliveryMetrics", "RuleMetrics"]


class RuleMetrics:
    """Implements `rules.engine.RuleObserver`."""

    def on_rule_failed(self, rule: str, reason: str) -> None:
        """A rule could not send an event that it matched."""
        rule_metrics.count_rule(rule, reason)

    def on_rules_loaded(self, rules: Sequence[str], ok: bool) -> None:
        """Rules came into force, or a file was refused."""
        rule_metrics.RULES_IN_FORCE.set(len(rules))
        rule_metrics.RULES_REFUSED.set(0 if ok else 1)


class DeliveryMetrics:
    """Implements `delivery.lane.DeliveryObserver`."""

    def on_attempt(self, endpoint: str, result: str, seconds: float) -> None:
        """A request was made, or an event was given up."""
        rule_metrics.DELIVERIES.labels(endpoint, result).inc()
        if seconds:
            rule_metrics.DELIVERY.labels(endpoint).observe(seconds)

    def on_state(self, endpoint: str, oldest_s: float, circuit_open: bool) -> None:
        """How an endpoint is doing."""
        rule_metrics.OUTBOX_WAITING.labels(endpoint).set(oldest_s)
        rule_metrics.CIRCUIT_OPEN.labels(endpoint).set(1 if circuit_open else 0)
