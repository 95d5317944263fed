"""The tables of the topology, one module each; their changelogs are what views read."""

from tables import alerts, audit, datasets, health, lineage, repeats

__all__ = ["alerts", "audit", "datasets", "health", "lineage", "repeats"]
