"""The tables of the topology, one module each; their changelogs are what views read."""

from tables import audit, datasets, health, lineage

__all__ = ["audit", "datasets", "health", "lineage"]
