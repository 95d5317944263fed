"""Rows of the alerts stage: each service as it was seen last; see `carbon_stream.projections.alerts`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

alerts = app.Table("alerts", partitions=PARTITIONS[Group.SYSTEM], formats=FORMATS["alerts"])
