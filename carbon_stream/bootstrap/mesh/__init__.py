"""The mesh (Istio 1.20 and later): what it should be, what it is, and the steps from one to the other.

`platform.yaml` is the desired state, `model` its form; `traffic`, `security` and `manifests` turn it into Kubernetes
objects; `plan` compares those with what `read` found, and `apply` takes the steps.
"""
