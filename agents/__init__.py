"""The agents of the topology, one module each: which topics are folded by what into which table."""

from agents import audit, datasets, health, lineage

__all__ = ["audit", "datasets", "health", "lineage"]
