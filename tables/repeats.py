"""Rows of the repeats stage: when each thing that a rule counts was seen; see `carbon_stream.rules.repeats`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

repeats = app.Table("repeats", partitions=PARTITIONS[Group.AUDIT], formats=FORMATS["repeats"])
