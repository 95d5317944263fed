"""The way in: HTTP requests become records on the twelve topics, and every event gets a receipt.

`routes.routes()` and `routes.install()` are what an application composes. A request goes through `origin` (who sent
it), `body` (its bytes, bounded), `formats` (its events), `pipeline` (check, enrich, route), `publisher` (acknowledged
by Kafka) and `receipts` (the answer).
"""
