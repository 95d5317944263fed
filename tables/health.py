"""Rows of the health stage: service health and what goes with it; see `carbon_stream.projections.health`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

health = app.Table("health", partitions=PARTITIONS[Group.SYSTEM], formats=FORMATS["health"])
