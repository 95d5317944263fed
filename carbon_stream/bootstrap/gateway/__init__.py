"""The gateway (Kong 3): what it should be, what it is, and the steps from one to the other.

`platform.yaml` is the desired state, `model` its form, `desired` turns it into Kong's entities, `plan` compares them
with what `read` found, and `apply` takes the steps.
"""
