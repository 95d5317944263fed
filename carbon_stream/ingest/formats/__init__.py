"""How senders write events: one module for each family of formats, each turning a body into events in order."""
