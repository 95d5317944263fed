"""The topics on Kafka: what they should be, what they are, and the steps from one to the other.

Nothing here ever shrinks, deletes or empties a topic.
"""
