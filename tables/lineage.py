"""Rows of the lineage stage: edges between datasets; see `carbon_stream.projections.lineage`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group

lineage = app.Table("lineage", partitions=PARTITIONS[Group.DATA])
