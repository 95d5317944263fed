"""The agents of the topology, one module each: which topics are folded by what into which table."""

from agents import alerts, audit, datasets, health, lineage, repeats

__all__ = ["alerts", "audit", "datasets", "health", "lineage", "repeats"]
