"""The platform's environment variables for a broker, checked, as each client wants them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from carbon_stream_producer.errors import ConfigurationError

__all__ = ["KafkaSettings", "service_name"]

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where the brokers are and how they know us. `from_environment` reads KAFKA_BOOTSTRAP_SERVERS and the like."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    ssl_key_password: str | None = field(default=None, repr=False)
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuses what cannot work, by the name of the variable."""
        bad = [
            broker
            for broker in self._brokers()
            if any(map(str.isspace, broker)) or broker.startswith(("http://", "https://"))
        ]
        if bad or not self._brokers():
            told = (bad or [self.bootstrap_servers])[0]
            raise _wrong("KAFKA_BOOTSTRAP_SERVERS", f'must be "host:port,…" of the brokers, not {told!r}')
        if self.security_protocol not in _PROTOCOLS:
            raise _wrong("KAFKA_SECURITY_PROTOCOL", f"must be one of {', '.join(_PROTOCOLS)}")
        sasl = {
            "KAFKA_SASL_MECHANISM": self.sasl_mechanism,
            "KAFKA_SASL_USERNAME": self.sasl_username,
            "KAFKA_SASL_PASSWORD": self.sasl_password,
        }
        missing = [name for name, value in sasl.items() if value is None]
        if self.uses_sasl and missing:
            raise _wrong(" and ".join(missing), f"must be set for KAFKA_SECURITY_PROTOCOL={self.security_protocol}")
        if not self.uses_sasl and len(missing) < len(sasl):
            told = f"is set, but KAFKA_SECURITY_PROTOCOL is {self.security_protocol} and would not use it"
            raise _wrong("KAFKA_SASL_…", f"{told}: set it to SASL_SSL (or SASL_PLAINTEXT), or unset KAFKA_SASL_…")
        if self.uses_sasl and self.sasl_mechanism not in _MECHANISMS:
            raise _wrong("KAFKA_SASL_MECHANISM", f"must be one of {', '.join(_MECHANISMS)}")
        if self.uses_tls:
            self._check_files()

    def _brokers(self) -> list[str]:
        return [broker for part in self.bootstrap_servers.split(",") if (broker := part.strip())]

    def _check_files(self) -> None:
        if self.ssl_key_location and not self.ssl_certificate_location:
            raise _wrong("KAFKA_SSL_KEY_LOCATION", "is set: set KAFKA_SSL_CERTIFICATE_LOCATION as well, or neither")
        for name in ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"):
            path = getattr(self, name)
            if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
                raise _wrong(f"KAFKA_{name.upper()}", f"there is no readable file {path}")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether we prove by SASL who we are."""
        return self.security_protocol.startswith("SASL_")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """What the variables say; ConfigurationError, which names the variable, for what cannot work."""

        def read(name: str) -> str | None:
            return environment.get(f"KAFKA_{name}") or None

        servers = read("BOOTSTRAP_SERVERS")
        if servers is None:
            raise _wrong("KAFKA_BOOTSTRAP_SERVERS", 'must be set: "host:port,…" of the brokers')
        return cls(
            bootstrap_servers=servers,
            security_protocol=(read("SECURITY_PROTOCOL") or "PLAINTEXT").upper(),
            ssl_ca_location=read("SSL_CA_LOCATION"),
            ssl_certificate_location=read("SSL_CERTIFICATE_LOCATION"),
            ssl_key_location=read("SSL_KEY_LOCATION"),
            ssl_key_password=read("SSL_KEY_PASSWORD"),
            sasl_mechanism=(read("SASL_MECHANISM") or "").upper() or None,
            sasl_username=read("SASL_USERNAME"),
            sasl_password=read("SASL_PASSWORD"),
        )

    def for_librdkafka(self) -> dict[str, Any]:
        """As librdkafka's configuration. Holds secrets: never log it."""
        named = {
            "bootstrap.servers": ",".join(self._brokers()),
            "security.protocol": self.security_protocol,
            "ssl.ca.location": self.ssl_ca_location if self.uses_tls else None,
            "ssl.certificate.location": self.ssl_certificate_location if self.uses_tls else None,
            "ssl.key.location": (self.ssl_key_location or self.ssl_certificate_location) if self.uses_tls else None,
            "ssl.key.password": self.ssl_key_password if self.uses_tls else None,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password,
        }
        return {name: value for name, value in named.items() if value is not None}

    def for_aiokafka(self) -> dict[str, Any]:
        """As keyword arguments of an aiokafka client. Holds secrets and an SSL context: never log it."""
        client: dict[str, Any] = {
            "bootstrap_servers": self._brokers(),
            "security_protocol": self.security_protocol,
        }
        if self.uses_tls:
            client["ssl_context"] = self._ssl_context()
        if self.uses_sasl:
            client["sasl_mechanism"] = self.sasl_mechanism
            client["sasl_plain_username"] = self.sasl_username
            client["sasl_plain_password"] = self.sasl_password
        return client

    def _ssl_context(self) -> Any:
        import ssl  # only where TLS is on

        try:
            context = ssl.create_default_context(cafile=self.ssl_ca_location)
        except (ssl.SSLError, OSError) as error:
            raise _wrong("KAFKA_SSL_CA_LOCATION", f"{self.ssl_ca_location} holds no certificate ({error})") from None
        if self.ssl_certificate_location is not None:
            try:
                # An encrypted key without a password would be asked for on the terminal: "" fails instead.
                context.load_cert_chain(
                    self.ssl_certificate_location, self.ssl_key_location, self.ssl_key_password or ""
                )
            except (ssl.SSLError, OSError, ValueError) as error:
                told = f"the pair cannot be used ({error}); is it PEM, and does the key need KAFKA_SSL_KEY_PASSWORD?"
                raise _wrong("KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION", told) from None
        return context


def service_name(given: str | None) -> str:
    """The service that events come from: what was given, else SERVICE_NAME."""
    name = given or os.environ.get("SERVICE_NAME")
    if not name:
        raise ConfigurationError('name the service: get_event_producer("my-service"), or set SERVICE_NAME')
    if len(name) > 1_024:
        raise ConfigurationError(f"the service's name has {len(name):,} characters, 1,024 are allowed")
    return name


def _wrong(variable: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"{variable} {what}" if not what.startswith("th") else f"{variable}: {what}")
