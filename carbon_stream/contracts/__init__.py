"""The contract of the platform's events: topics, types, models, codec and exports.

Everything that is derived from an event's contract (topic settings, validation, the agents' decoders, JSON Schema,
AsyncAPI, the SDKs' catalog, documentation) comes from the records in `catalog`. Nothing here knows of Kafka or HTTP.
"""
