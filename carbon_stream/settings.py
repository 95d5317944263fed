"""Settings: read once from the environment, validated, and shown with secrets masked.

Our own variables begin with `CARBON_STREAM_`. The broker's have the platform's names (`KAFKA_…`), which its producer
libraries read too. An empty variable counts as absent.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from carbon_stream.errors import OperatorError

__all__ = ["ENV_PREFIX", "Settings", "SettingsError", "variable_of"]

ENV_PREFIX = "CARBON_STREAM_"

Port = Annotated[int, Field(ge=1, le=65_535)]
Network = IPv4Network | IPv6Network
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class SettingsError(OperatorError):
    """The environment does not make valid settings; the message names each variable and what to do."""


def _upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _split(value: Any) -> Any:
    return tuple(part for part in value.replace(",", " ").split()) if isinstance(value, str) else value


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError(f"{error}; give networks such as 10.0.0.0/8,192.168.7.1/32") from None
    return values


def _servers(value: str) -> str:
    """`host:port` pairs, comma-separated, as every Kafka client takes them."""
    pairs = [pair.strip() for pair in value.split(",") if pair.strip()]
    if not pairs:
        raise ValueError("give at least one host:port")
    for place, pair in enumerate(pairs, 1):
        host, _, port = pair.rpartition(":")
        if "/" in pair or "@" in pair or not host or not port.isdigit() or not 0 < int(port) <= 65_535:
            raise ValueError(f"entry {place} is not host:port; give for example broker-1:9092,broker-2:9092")
    return ",".join(pairs)


def _admin_url(value: str) -> str:
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or url.query or url.fragment:
        raise ValueError("give an address such as https://kong-admin.example.org:8444 or one with a path")
    if url.username is not None or url.password is not None:
        raise ValueError("give no user and password in the address: it is shown; a token has a setting of its own")
    return value


def _data_dir() -> Path:
    """The XDG base directory's place for data, or its default (XDG Base Directory Specification 0.8)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "carbon-stream"


def _embedded_broker(data: dict[str, Any]) -> str:
    return f"127.0.0.1:{data.get('kafka_port', 9092)}"


def _platform(name: str, default: Any = None, **more: Any) -> Any:
    return Field(default, validation_alias=name, **more)


class Settings(BaseSettings):
    """All settings. Times carry their unit last in the name, sizes are bytes."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,  # an error may be about a secret
    )

    app_id: ClassVar[str] = "carbon-stream"  # fixed: consumer group, changelogs and transactions are named after it

    http_host: str = Field("127.0.0.1", description="address that HTTP listens on")
    http_port: Port = Field(8080, description="port that HTTP listens on")
    kafka_port: Port = Field(9092, description="port of the embedded broker that `dev` starts")
    data_dir: Path = Field(default_factory=_data_dir, description="where the embedded broker and stores keep data")

    kafka_bootstrap_servers: Annotated[str, AfterValidator(_servers)] = Field(
        default_factory=_embedded_broker, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="brokers, host:port,…"
    )
    kafka_security_protocol: Annotated[SecurityProtocol, BeforeValidator(_upper)] = _platform(
        "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_ssl_ca_location: Path | None = _platform(
        "KAFKA_SSL_CA_LOCATION", description="PEM file with the authorities that sign the brokers' certificates"
    )
    kafka_ssl_certificate_location: Path | None = _platform(
        "KAFKA_SSL_CERTIFICATE_LOCATION", description="PEM file with our own certificate (mTLS)"
    )
    kafka_ssl_key_location: Path | None = _platform(
        "KAFKA_SSL_KEY_LOCATION", description="PEM file with our own private key (mTLS)"
    )
    kafka_ssl_key_password: SecretStr | None = _platform("KAFKA_SSL_KEY_PASSWORD", description="that key's password")
    kafka_sasl_mechanism: Annotated[SaslMechanism, BeforeValidator(_upper)] | None = _platform(
        "KAFKA_SASL_MECHANISM", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = _platform("KAFKA_SASL_USERNAME", description="SASL user name")
    kafka_sasl_password: SecretStr | None = _platform("KAFKA_SASL_PASSWORD", description="SASL password")

    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)] = Field(
        (), description="the gateway's networks, CIDR, comma-separated: X-Forwarded-For and X-Consumer-… are believed"
    )
    max_event_bytes: int = Field(
        1 << 20, ge=1_024, le=1 << 20, description="largest event taken over HTTP, bytes; the topics hold 1 MiB"
    )
    max_body_bytes: int = Field(64 << 20, ge=1_024, le=1 << 30, description="largest request body, decompressed, bytes")
    max_batch_events: int = Field(100_000, ge=1, le=1_000_000, description="most events in one request")
    max_pending_bytes: int = Field(
        256 << 20, ge=1 << 20, description="request bytes in work at once in one process; beyond it 503 Retry-After"
    )
    request_timeout_s: float = Field(30.0, gt=0, le=600, description="longest time a request may take, seconds")
    publish_timeout_s: float = Field(
        10.0, gt=0, le=300, description="longest time an event waits for Kafka's acknowledgement, seconds; then 503"
    )
    service_catalog: Path | None = Field(
        None,
        description="JSON file with services (name, namespace, group, tier, owner) beside or over the built-in ones",
    )

    store: Literal["memory", "rocksdb"] = Field(
        "memory", description="where a worker keeps its tables' rows: memory, or rocksdb (in the data directory)"
    )
    session_timeout_ms: int = Field(
        10_000, ge=6_000, le=300_000, description="a worker silent for so long loses its partitions"
    )
    instance_id: str | None = Field(
        None, max_length=200, pattern=r"^[A-Za-z0-9._-]+$", description="a worker's stable name (static membership)"
    )
    topic_replication: int | None = Field(
        None, ge=1, le=9, description="replicas of new topics; unset: three, or as many as there are brokers"
    )
    row_formats: Literal["newest", "previous"] = Field(
        "newest", description="previous: workers write all rows as the release before this one reads them"
    )
    processes: int = Field(1, ge=1, le=64, description="processes that `ingest` starts on one port")

    admin_token: SecretStr | None = Field(
        None, description="bearer token of the calls that change something (replay); unset: they are off"
    )
    kong_admin_url: Annotated[str, AfterValidator(_admin_url)] = Field(
        "http://kong-admin.kong.svc.cluster.local:8001", description="the gateway's Admin API; may have a path"
    )
    kong_admin_token: SecretStr | None = Field(None, description="RBAC token of the Admin API")
    kong_admin_token_file: Path | None = Field(None, description="file with that token, in place of the variable")
    kong_admin_ca: Path | None = Field(
        None, description="PEM file with the authorities that sign the Admin API's certificate; unset: the system's"
    )
    kong_admin_verify: bool = Field(True, description="whether the Admin API's certificate is checked")
    kong_secrets_dir: Path = Field(
        Path("/etc/carbon-stream/secrets"), description="where Secrets with the gateway's credentials are mounted"
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="least level that is logged"
    )
    log_format: Literal["human", "json"] = Field("human", description="human or json")

    @model_validator(mode="after")
    def _broker_security_is_whole(self) -> Self:
        sasl = {
            "KAFKA_SASL_MECHANISM": self.kafka_sasl_mechanism,
            "KAFKA_SASL_USERNAME": self.kafka_sasl_username,
            "KAFKA_SASL_PASSWORD": self.kafka_sasl_password,
        }
        missing = [name for name, value in sasl.items() if value is None]
        if self.uses_sasl and missing:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} needs {' and '.join(missing)} as well"
            )
        if not self.uses_sasl and len(missing) < len(sasl):
            raise ValueError(
                f"KAFKA_SASL_… is set, but KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol} and would not"
                " use it: set KAFKA_SECURITY_PROTOCOL to SASL_SSL (or SASL_PLAINTEXT), or unset KAFKA_SASL_…"
            )
        if self.uses_tls:
            self._check_tls_files()
        return self

    def _check_tls_files(self) -> None:
        if self.kafka_ssl_key_location and not self.kafka_ssl_certificate_location:
            raise ValueError("KAFKA_SSL_KEY_LOCATION is set: set KAFKA_SSL_CERTIFICATE_LOCATION as well, or neither")
        for name in ("kafka_ssl_ca_location", "kafka_ssl_certificate_location", "kafka_ssl_key_location"):
            path: Path | None = getattr(self, name)
            if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
                raise ValueError(f"{name.upper()}: there is no readable file {path}")

    @property
    def uses_tls(self) -> bool:
        """Whether connections to the brokers are encrypted."""
        return self.kafka_security_protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether we prove to the brokers who we are by SASL."""
        return self.kafka_security_protocol.startswith("SASL_")

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """`trusted_proxies` as networks."""
        return tuple(ip_network(value) for value in self.trusted_proxies)

    @classmethod
    def load(cls) -> Self:
        """Reads the environment once. Raises SettingsError, which names each wrong variable and never its value."""
        try:
            return cls()
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
        # A default that waits for another setting's value is not an error of its own.
        lines = [_line(dict(detail)) for detail in details if detail["type"] != "default_factory_not_called"]
        raise SettingsError("the settings are not valid:\n  " + "\n  ".join(lines))

    def kafka_client(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client. Holds secrets and an SSL context: never log it."""
        client: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap_servers.split(","),
            "security_protocol": self.kafka_security_protocol,
        }
        if self.uses_tls:
            client["ssl_context"] = self._ssl_context()
        if self.uses_sasl and self.kafka_sasl_password is not None:
            client["sasl_mechanism"] = self.kafka_sasl_mechanism
            client["sasl_plain_username"] = self.kafka_sasl_username
            client["sasl_plain_password"] = self.kafka_sasl_password.get_secret_value()
        return client

    def _ssl_context(self) -> Any:
        import ssl  # only where TLS is on

        password = self.kafka_ssl_key_password
        ca, certificate = self.kafka_ssl_ca_location, self.kafka_ssl_certificate_location
        try:
            context = ssl.create_default_context(cafile=ca)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(f"KAFKA_SSL_CA_LOCATION: {ca} holds no certificate in PEM ({error})") from None
        if certificate is not None:
            try:
                # An encrypted key without a password would be asked for on the terminal: b"" fails instead.
                context.load_cert_chain(
                    certificate, self.kafka_ssl_key_location, password.get_secret_value() if password else b""
                )
            except (ssl.SSLError, OSError, ValueError) as error:
                raise SettingsError(
                    f"KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION: the pair cannot be used ({error});"
                    " is it PEM, do both belong together, and does the key need KAFKA_SSL_KEY_PASSWORD?"
                ) from None
        return context

    def shown(self) -> list[dict[str, str]]:
        """For people: each setting's variable, value (secrets masked), origin and meaning, in order of definition."""
        rows = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            rows.append(
                {
                    "variable": variable_of(name),
                    "value": _show(value),
                    "from": "environment" if name in self.model_fields_set else "default",
                    "meaning": field.description or "",
                }
            )
        return rows


def variable_of(name: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else ENV_PREFIX + name.upper()


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _line(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    names = [str(part) for part in detail["loc"]]
    if not names:
        return message
    variable = names[0] if names[0] not in Settings.model_fields else variable_of(names[0])
    if os.environ.get(variable, "").startswith("tcp://"):
        message += " (Kubernetes sets such variables for services: set enableServiceLinks to false on the pod)"
    return f"{variable}: {message}"
