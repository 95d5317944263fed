"""Bounds on what an event may hold. Lengths of strings are in characters (code points), sizes in bytes."""

EVENT_BYTES = 1024 * 1024
NESTING = 32
"""The deepest nesting of objects and arrays, the event itself being the first level."""

RECORD_BYTES = EVENT_BYTES + 64 * 1024
RECORD_NESTING = NESTING + 2
"""On a topic an event may be larger and deeper than at the door, by the `context` that ingest adds to it."""

EVENT_ID_CHARS = 256
NAME_CHARS = 1_024
ADDRESS_CHARS = 256
LOCATION_CHARS = 8_192
"""Places and agents: locations of data, endpoints, resources, user agents."""
TEXT_CHARS = 64 * 1_024
QUERY_CHARS = 256 * 1_024
MAP_ENTRIES = 1_024
COLUMNS = 10_000
DATASETS = 1_024
"""Inputs or outputs of one transformation."""

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1
TIMESTAMP_MIN_MS = 100_000_000_000
"""1973-03-03. A smaller timestamp is in seconds, or not set."""
LATENCY_MAX_MS = 1e15
"""About 31,700 years: a bound that keeps sums finite."""

ERRORS = 20
"""The most errors that are listed for one event."""
ERROR_CHARS = 400
"""The longest message of one error."""
