"""A broker with listeners that demand a password, a certificate, or both, or a password in clear text, and the papers.

The listener without any of it stays for the broker itself and for what LocalKafka asks it; clients get the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

import carbon_stream.local.kafka as local_kafka
from carbon_stream.local import LocalKafka
from carbon_stream.local.java import storage_command
from carbon_stream.local.ports import free_ports
from carbon_stream.local.properties import HOST, server_properties

USER: Final = "alice"
PASSWORD: Final = "wonderland-7"

_PLAIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PROTOCOLS = {"password": "SASL_SSL", "certificate": "SSL", "both": "SASL_SSL", "clear": "SASL_PLAINTEXT"}


@dataclass(frozen=True, slots=True)
class Papers:
    """PEM files: the authority, what it has signed, and what an authority that nobody trusts has signed."""

    authority: Path
    broker: Path
    client: Path
    client_key: Path
    stranger_authority: Path
    stranger: Path
    stranger_key: Path


def make_papers(folder: Path) -> Papers:
    """New certificates in this folder."""
    papers = Papers(
        *(
            folder / f"{name}.pem"
            for name in (
                "authority",
                "broker",
                "client",
                "client-key",
                "stranger-authority",
                "stranger",
                "stranger-key",
            )
        )
    )
    ours, theirs = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(papers.authority)
    theirs.cert_pem.write_to_path(papers.stranger_authority)
    for authority, certificate, key in (
        (ours, papers.client, papers.client_key),
        (theirs, papers.stranger, papers.stranger_key),
    ):
        issued = authority.issue_cert("service@example.org")
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
    broker = ours.issue_cert(HOST)
    # Brokers read a private key in PKCS #8 only.
    broker_key = load_pem_private_key(broker.private_key_pem.bytes(), None)
    pkcs8 = broker_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    papers.broker.write_bytes(pkcs8 + broker.cert_chain_pems[0].bytes())
    return papers


@dataclass(frozen=True, slots=True)
class SecuredKafka:
    """A broker that runs, its papers, and the port of each listener."""

    kafka: LocalKafka
    papers: Papers
    ports: dict[str, int]

    def environment(self, listener: str) -> dict[str, str]:
        """The platform's variables that open this listener: "password", "certificate", "both" or "clear"."""
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{self.ports[listener]}",
            "KAFKA_SECURITY_PROTOCOL": _PROTOCOLS[listener],
        }
        if listener != "clear":
            variables |= {"KAFKA_SSL_CA_LOCATION": str(self.papers.authority)}
        if listener != "certificate":
            variables |= {
                "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
                "KAFKA_SASL_USERNAME": USER,
                "KAFKA_SASL_PASSWORD": PASSWORD,
            }
        if listener in ("certificate", "both"):
            variables |= {
                "KAFKA_SSL_CERTIFICATE_LOCATION": str(self.papers.client),
                "KAFKA_SSL_KEY_LOCATION": str(self.papers.client_key),
            }
        return variables


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """One broker with all four listeners, as long as the context lasts."""
    papers = make_papers(folder)
    ports = dict(zip(_PROTOCOLS, free_ports(len(_PROTOCOLS)), strict=True))

    def with_listeners(*arguments: Any) -> dict[str, str]:
        made = server_properties(*arguments)
        for name, port in ports.items():
            label = name.upper()
            for setting in ("listeners", "advertised.listeners"):
                made[setting] += f",{label}://{HOST}:{port}"
            made["listener.security.protocol.map"] += f",{label}:{_PROTOCOLS[name]}"
            made |= _listener(f"listener.name.{name}", name, papers)
        return made

    def with_users(*arguments: Any, **named: Any) -> list[str]:
        users = [f"--add-scram=SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512)]
        return [*storage_command(*arguments, **named), *users]

    with pytest.MonkeyPatch.context() as patch:
        # The embedded broker of the product is for one machine and knows no such listeners; only tests need them.
        patch.setattr(local_kafka, "server_properties", with_listeners)
        patch.setattr("carbon_stream.local.java.storage_command", with_users)
        kafka = LocalKafka(folder / "kafka")
        kafka.start()
    try:
        yield SecuredKafka(kafka, papers, ports)
    finally:
        kafka.stop()


def _listener(prefix: str, name: str, papers: Papers) -> dict[str, str]:
    settings = {
        "ssl.client.auth": "none" if name in ("password", "clear") else "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(papers.broker),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(papers.authority),
    }
    if name != "certificate":
        settings |= {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "plain.sasl.jaas.config": _PLAIN,
            "scram-sha-256.sasl.jaas.config": _SCRAM,
            "scram-sha-512.sasl.jaas.config": _SCRAM,
        }
    return {f"{prefix}.{setting}": value for setting, value in settings.items()}
