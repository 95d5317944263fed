"""Rows of the datasets stage: ingestion, quality and transformation; see `carbon_stream.projections.datasets`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

datasets = app.Table("datasets", partitions=PARTITIONS[Group.DATA], formats=FORMATS["datasets"])
