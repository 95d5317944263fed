"""Where the brokers are and how to speak to them, under the names that the platform's producer libraries read too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from carbon_stream.settings.base import Part, SettingsError, platform
from carbon_stream.settings.kinds import Port, Servers, Upper

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def _embedded_broker(data: dict[str, Any]) -> str:
    return f"127.0.0.1:{data.get('kafka_port', 9092)}"


class KafkaSettings(Part):
    """The brokers."""

    kafka_port: Port = Field(9092, description="port of the embedded broker that `dev` starts")
    kafka_bootstrap_servers: Servers = Field(
        default_factory=_embedded_broker, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="brokers, host:port,…"
    )
    kafka_security_protocol: Annotated[SecurityProtocol, Upper] = platform(
        "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_ssl_ca_location: Path | None = platform(
        "KAFKA_SSL_CA_LOCATION", description="PEM file with the authorities that sign the brokers' certificates"
    )
    kafka_ssl_certificate_location: Path | None = platform(
        "KAFKA_SSL_CERTIFICATE_LOCATION", description="PEM file with our own certificate (mTLS)"
    )
    kafka_ssl_key_location: Path | None = platform(
        "KAFKA_SSL_KEY_LOCATION", description="PEM file with our own private key (mTLS)"
    )
    kafka_ssl_key_password: SecretStr | None = platform("KAFKA_SSL_KEY_PASSWORD", description="that key's password")
    kafka_sasl_mechanism: Annotated[SaslMechanism, Upper] | None = platform(
        "KAFKA_SASL_MECHANISM", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = platform("KAFKA_SASL_USERNAME", description="SASL user name")
    kafka_sasl_password: SecretStr | None = platform("KAFKA_SASL_PASSWORD", description="SASL password")

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
