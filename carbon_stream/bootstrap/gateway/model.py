"""The form of the desired state: what `platform.yaml` and an operator's overlay may say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from carbon_stream.bootstrap.gateway.plugin_rules import check
from carbon_stream.bootstrap.overlays import merged

__all__ = ["CREDENTIAL_PLUGINS", "Consumer", "Gateway", "Plugin", "Route", "SecretRef", "Service", "Upstream"]

CREDENTIAL_PLUGINS = {"jwt": "jwt", "key-auth": "key_auth", "oauth2": "oauth2"}
"""Kong's authentication plugins, and where a consumer's credentials for each stand in the file."""

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")]
Tag = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
Domain = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")]
Path = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*$")]
Setting = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
Millis = Annotated[int, Field(ge=1, le=2**31 - 2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SecretRef(_Strict):
    """A Kubernetes Secret's name, and a key in it. The value itself never stands in the file."""

    secret: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]

    def __str__(self) -> str:
        return f"{self.secret}/{self.key}"


class Upstream(_Strict):
    """Where requests go: a Kubernetes service (and its namespace), or a host elsewhere."""

    service: Label | None = Field(None, description="name of a Kubernetes service")
    namespace: Label | None = Field(None, description="its namespace; the file's own where absent")
    host: Domain | None = Field(None, description="a host outside the cluster, in place of `service`")
    port: int = Field(ge=1, le=65_535)
    protocol: Literal["http", "https"] = "http"
    path: Path | None = Field(None, description="put before the path of each request")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.service is None) == (self.host is None):
            raise ValueError("an upstream has either `service` or `host`")
        if self.host is not None and self.namespace is not None:
            raise ValueError("`namespace` goes with `service`, not with `host`")
        return self


class Route(_Strict):
    """Which requests go to the service."""

    paths: tuple[Path, ...] = Field(min_length=1, description="prefixes of the request's path")
    hosts: tuple[Domain, ...] = Field((), description="only for these host names")
    methods: tuple[Annotated[str, Field(pattern=r"^[A-Z]+$")], ...] = Field((), description="only these methods")
    protocols: tuple[Literal["http", "https"], ...] = Field(("http", "https"), min_length=1)
    strip_path: bool = Field(True, description="the upstream does not see the prefix")
    preserve_host: bool = Field(False, description="the upstream sees the host that the client asked for")


class Service(_Strict):
    """One service behind the gateway. Its route has its name."""

    group: Tag = Field(description="becomes a tag; plugins can be set on a group")
    upstream: Upstream
    connect_timeout_ms: Millis = 60_000
    read_timeout_ms: Millis = 60_000
    write_timeout_ms: Millis = 60_000
    retries: int = Field(5, ge=0, le=32_767)
    route: Route | None = None


class Plugin(_Strict):
    """One of Kong's plugins: for the whole gateway, for groups of services, or for services with settings of their own.

    Settings under `services` are merged over `config`. What stands in `config` beyond the rules of `plugin_rules` is
    Kong's to judge.
    """

    plugin: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    enabled: bool = True
    globally: bool = Field(False, alias="global", description="one instance for every request of the gateway")
    groups: tuple[Tag, ...] = Field((), description="an instance on each service of these groups")
    services: Mapping[Name, Mapping[str, Any]] = Field({}, description="an instance on each of these services")
    config: Mapping[str, Any] = Field({}, description="Kong's settings of the plugin")
    secrets: Mapping[Setting, SecretRef] = Field(
        {}, description="settings whose values are in Secrets, by their dotted place in `config`: headers.X-Api-Key"
    )

    @model_validator(mode="after")
    def _scope_and_rules(self) -> Self:
        if self.globally == bool(self.groups or self.services):
            raise ValueError("a plugin is either `global`, or has `groups` or `services`")
        for place in self.secrets:
            if _is_set(self.config, place):
                raise ValueError(f"config.{place} stands in `config` and in `secrets`")
        for own in self.services.values() or [{}]:
            check(self.plugin, merged(self.config, own))
        return self


def _is_set(config: Mapping[str, Any], place: str) -> bool:
    """Whether something stands at a dotted place, or where a part of it would have to be a mapping."""
    there: Any = config
    for name in place.split("."):
        if not isinstance(there, Mapping):
            return True
        if name not in there:
            return False
        there = there[name]
    return True


class JwtKey(_Strict):
    """A key that signatures are checked with."""

    algorithm: Literal["RS256", "RS384", "RS512", "ES256", "ES384"] = "RS256"
    public_key: SecretRef


class OauthApplication(_Strict):
    """An application that may ask for tokens."""

    client_id: SecretRef
    client_secret: SecretRef
    redirect_uris: tuple[str, ...] = ()


class Consumer(_Strict):
    """Somebody who calls, and the credentials by which the gateway knows them, each under a name."""

    custom_id: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    jwt: Mapping[Annotated[str, Field(min_length=1, max_length=255)], JwtKey] = Field({}, description="by issuer")
    key_auth: Mapping[Name, SecretRef] = {}
    oauth2: Mapping[Name, OauthApplication] = {}


class Gateway(_Strict):
    """Everything that the gateway should be."""

    version: Literal[1]
    tag: Tag
    namespace: Label
    cluster_domain: Domain = "cluster.local"
    services: Mapping[Name, Service] = Field(min_length=1)
    plugins: Mapping[Name, Plugin] = {}
    consumers: Mapping[Name, Consumer] = {}

    def on(self, plugin: Plugin) -> dict[str, dict[str, Any]]:
        """The services that a plugin is set on, each with its settings there, in the order of the file."""
        return {
            name: merged(plugin.config, plugin.services.get(name, {}))
            for name, service in self.services.items()
            if name in plugin.services or service.group in plugin.groups
        }

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._stray_references(), *self._double_routes(), *self._locked_out()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _stray_references(self) -> list[str]:
        groups = {service.group for service in self.services.values()}
        problems = []
        if self.tag in groups:
            problems.append(f"the tag {self.tag} is the name of a group as well")
        for name, plugin in self.plugins.items():
            problems += [f"plugins.{name}: there is no service {one}" for one in plugin.services.keys() - self.services]
            problems += [f"plugins.{name}: no service is of group {one}" for one in plugin.groups if one not in groups]
        return problems

    def _double_routes(self) -> list[str]:
        taken: dict[tuple[str, str], str] = {}
        problems = []
        for name, service in self.services.items():
            route = service.route
            for path in route.paths if route else ():
                for host in (route.hosts if route else ()) or ("",):
                    other = taken.setdefault((host, path), name)
                    if other != name:
                        problems.append(f"services.{name}.route: {host}{path} is the route of {other} already")
        return problems

    def _locked_out(self) -> list[str]:
        """A plugin that asks for credentials nobody has would refuse every request."""
        return [
            f"plugins.{name} is on, and no consumer has a credential for it (consumers.….{CREDENTIAL_PLUGINS[each]})"
            for name, plugin in self.plugins.items()
            if plugin.enabled and (each := plugin.plugin) in CREDENTIAL_PLUGINS
            if not any(getattr(consumer, CREDENTIAL_PLUGINS[each]) for consumer in self.consumers.values())
        ]
