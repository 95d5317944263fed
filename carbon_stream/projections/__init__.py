"""Pure folds: (rows, events) → rows. No I/O, no asyncio, no Kafka."""
