"""The form of the mesh's desired state: what `platform.yaml` and an operator's overlay may say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Endpoint", "Limits", "Mesh", "Plain", "Retries", "Service", "Tracing", "Workload"]

Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
LabelKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?$")]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$")]
Domain = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]
Path = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]
Selector = Annotated[Mapping[LabelKey, LabelValue], Field(min_length=1)]
Balancer = Literal["LEAST_REQUEST", "ROUND_ROBIN", "RANDOM"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Limits(_Strict):
    """Connection pools and the circuit breaker of a destination."""

    balancer: Balancer = "LEAST_REQUEST"
    max_connections: int = Field(100, ge=1, le=2**31 - 1)
    http1_max_pending: int = Field(50, ge=1, le=2**31 - 1)
    http2_max_requests: int = Field(100, ge=1, le=2**31 - 1)
    max_retries: int = Field(3, ge=0, le=2**31 - 1, description="retries at once, to all hosts of the destination")
    eject_after_5xx: int = Field(5, ge=1, le=1_000, description="so many 5xx in a row eject a host")
    check_every_s: Seconds = 30
    eject_for_s: Seconds = 30
    max_ejected_percent: int = Field(50, ge=0, le=100)


class Retries(_Strict):
    """How often a request is tried again, and how long it may take in all."""

    attempts: int = Field(3, ge=0, le=10)
    timeout_s: Seconds = 30
    per_try_timeout_s: Seconds | None = Field(None, description="of one try; the whole time where absent")

    @model_validator(mode="after")
    def _one_try_fits(self) -> Self:
        if self.per_try_timeout_s is not None and self.per_try_timeout_s > self.timeout_s:
            raise ValueError("per_try_timeout_s is longer than timeout_s")
        return self


class Rule(_Strict):
    """Requests to paths that begin with one of these have rules of their own."""

    paths: tuple[Path, ...] = Field(min_length=1)
    retries: Retries


class Service(_Strict):
    """A Kubernetes service whose requests get retries and timeouts. `limits` in place of the default ones."""

    namespace: Label | None = Field(None, description="the file's own where absent")
    retries: Retries | None = Field(None, description="in place of the default ones")
    exceptions: tuple[Rule, ...] = ()
    limits: Limits | None = None


class Workload(_Strict):
    """Pods that get a sidecar. `phase` says when they go STRICT; a workload without one stays as the mesh is."""

    namespace: Label | None = Field(None, description="the file's own where absent")
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    pods: int = Field(ge=0, le=10_000, description="how many of them are expected")
    selector: Selector = Field(description="labels of its pods, and of no others")
    phase: Label | None = None
    open_ports: tuple[Port, ...] = Field((), description="take plain text even when STRICT: clients outside the mesh")


class Plain(_Strict):
    """A database or broker that is spoken to without the mesh's TLS. `service` is its Kubernetes service."""

    namespace: Label | None = Field(None, description="the file's own where absent")
    service: Label
    selector: Selector
    ports: tuple[Port, ...] = Field(min_length=1)
    max_connections: int = Field(10_000, ge=1, le=2**31 - 1)


class Tracing(_Strict):
    """Where spans go, and of how many requests. `provider` is a name in the mesh configuration's extensionProviders."""

    provider: Label = "jaeger"
    service: Domain = "jaeger-collector.monitoring.svc.cluster.local"
    port: Port = 9411
    percent: float = Field(10, ge=0, le=100)
    manage_provider: bool = Field(
        False, description="write the provider into the mesh configuration; else it is only looked for and reported"
    )


class Allow(_Strict):
    """Requests that may reach an endpoint; from which namespaces counts where the endpoint has `check_namespaces`."""

    methods: tuple[Annotated[str, Field(pattern=r"^[A-Z]+$")], ...] = Field(min_length=1)
    paths: tuple[Annotated[str, Field(pattern=r"^/[^\s]*$")], ...] = Field(min_length=1)
    namespaces: tuple[Label, ...] = ()


class Endpoint(_Strict):
    """Our own endpoints: what is not allowed is refused."""

    namespace: Label | None = Field(None, description="the file's own where absent")
    selector: Selector
    allow: tuple[Allow, ...] = Field(min_length=1)
    check_namespaces: bool = Field(
        False, description="callers must prove their namespace: only once every one of them has a sidecar"
    )


class Prometheus(_Strict):
    """The Kubernetes service that has the mesh's metrics."""

    namespace: Label = "monitoring"
    service: Label = "kube-prometheus-stack-prometheus"
    port: Port = 9090


class Mesh(_Strict):
    """Everything that the mesh should be."""

    version: Literal[1]
    label: Label = Field(description="value of app.kubernetes.io/managed-by on what is ours; --prune looks at no other")
    namespace: Label
    cluster_domain: Domain = "cluster.local"
    istio_namespace: Label = "istio-system"
    revision: Label | None = Field(
        None, description="istio.io/rev in place of istio-injection, for revisioned installs"
    )
    namespaces: tuple[Label, ...] = Field(min_length=1, description="where sidecars are injected")
    mode: Literal["PERMISSIVE", "STRICT"] = Field("PERMISSIVE", description="of what is in no phase that is STRICT")
    phases: tuple[Label, ...] = Field((), description="the order in which workloads go STRICT")
    locality_failover: Literal["auto", "on", "off"] = Field(
        "auto", description="auto: where nodes are in several zones"
    )
    limits: Limits = Limits()
    retries: Retries = Retries()
    tracing: Tracing = Tracing()
    prometheus: Prometheus = Prometheus()
    access_log_from_status: int = Field(400, ge=100, le=599)
    workloads: Mapping[Label, Workload] = Field(min_length=1)
    services: Mapping[Label, Service] = {}
    plain: Mapping[Label, Plain] = {}
    endpoints: Mapping[Label, Endpoint] = {}

    def at(self, item: Workload | Service | Plain | Endpoint) -> str:
        """The namespace of something."""
        return item.namespace or self.namespace

    def host(self, service: str, namespace: str) -> str:
        """A service's full name."""
        return f"{service}.{namespace}.svc.{self.cluster_domain}"

    def in_phase(self, number: int) -> dict[str, Workload]:
        """The workloads of a phase, numbered from 1."""
        return {name: each for name, each in self.workloads.items() if each.phase == self.phases[number - 1]}

    def strict(self, workload: Workload, strict_through: int) -> bool:
        """Whether a workload is STRICT when so many phases are."""
        return workload.phase in self.phases[:strict_through] or self.mode == "STRICT"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._stray(), *self._doubles()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _stray(self) -> Iterable[str]:
        for kind in ("workloads", "services", "plain", "endpoints"):
            for name, item in getattr(self, kind).items():
                if self.at(item) not in self.namespaces:
                    yield f"{kind}.{name}: namespace {self.at(item)} is not among `namespaces`"
                phase = getattr(item, "phase", None)
                if phase is not None and phase not in self.phases:
                    yield f"{kind}.{name}: {phase} is not among `phases`"

    def _doubles(self) -> Iterable[str]:
        if len(set(self.phases)) < len(self.phases):
            yield "a phase stands twice in `phases`"
        if len(set(self.namespaces)) < len(self.namespaces):
            yield "a namespace stands twice in `namespaces`"
        selected: dict[tuple[str, frozenset[tuple[str, str]]], str] = {}
        items: list[tuple[str, Workload | Plain]] = [(f"workloads.{n}", w) for n, w in self.workloads.items()]
        items += [(f"plain.{n}", p) for n, p in self.plain.items()]
        for name, item in items:
            other = selected.setdefault((self.at(item), frozenset(item.selector.items())), name)
            if other != name:
                yield f"{name}: its selector is that of {other} already"
