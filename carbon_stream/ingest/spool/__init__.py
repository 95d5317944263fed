"""What Kafka cannot take now, kept on disk until it can: written and synced before the sender has its answer.

`store` is the file, `commits` the thread that has it, `backlog` what waits (in memory, by strand), `keeping` the three
together, `forwarding` brings it to Kafka, `slots` gives each process of a host a directory of its own.

A *strand* is what keeps its order: the records of a topic whose keys hash to one of 840 values, however many partitions
the topic has, or whether that is known. While a strand has records here, later ones of it come here too.
"""
