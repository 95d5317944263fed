"""The live tail: one consumer at the end of the topics for all readers of a process, each with bounds of its own."""
