"""The ways that a record can go. Each client is imported only when its transport is made."""
