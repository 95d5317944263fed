"""Faust in batches, each batch a Kafka transaction.

`carbon_stream.streaming.app.App` is the way in. The package depends on Faust, aiokafka and orjson, and on nothing else
of the product. Its modules are imported one by one, so that pure ones can be used without loading Faust.
"""
