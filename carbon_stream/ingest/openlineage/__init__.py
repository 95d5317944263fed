"""OpenLineage 2 (RunEvent, JobEvent, DatasetEvent): what its clients post, as events of the contract.

`models` says what is valid, `facets` reads the facets that we use, `mapping` makes events, `routes` answers.
"""
