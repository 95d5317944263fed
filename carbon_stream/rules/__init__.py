"""Routing rules: which events are sent on, as what, to where. Reading and judging are pure; `engine` applies them."""
