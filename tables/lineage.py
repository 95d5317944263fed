"""Rows of the lineage stage: edges between datasets; see `carbon_stream.projections.lineage`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

lineage = app.Table("lineage", partitions=PARTITIONS[Group.DATA], formats=FORMATS["lineage"])
