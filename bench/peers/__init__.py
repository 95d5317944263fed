"""Programs that a run starts beside the service: what it is compared with, and what puts it under load.

Each is started as `python -m bench.peers.<name> '<JSON arguments>'` and answers with lines of JSON on standard output.
"""
