"""Rows of the audit stage: what users, services and administrators did; see `carbon_stream.projections.audit`."""

from carbon_stream.app import app
from carbon_stream.contracts.catalog import PARTITIONS, Group
from carbon_stream.projections.formats import FORMATS

audit = app.Table("audit", partitions=PARTITIONS[Group.AUDIT], formats=FORMATS["audit"])
