"""Events that rules send to URLs: out of each endpoint's own outbox, at least once, in the order of their keys.

`lane` reads an outbox and keeps its positions, `attempt` makes one request, `circuit` says when, `request` what is in
it, `guard` where it may go, `deliverer` runs a lane for each endpoint.
"""
