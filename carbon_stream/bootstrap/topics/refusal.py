"""Why no broker can be used, in words that name the setting to look at and hold no secret.

aiokafka logs why a connection failed and raises an error without it, so one connection is tried once more by itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

__all__ = ["why_unusable"]

_TIMEOUT_MS = 5_000
_RUNNING = "is it running, and are KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL right?"
_CERTIFICATE = (
    ", and if it demands a client certificate, does it trust ours (KAFKA_SSL_CERTIFICATE_LOCATION,"
    " KAFKA_SSL_KEY_LOCATION)?"
)


async def why_unusable(kafka: Mapping[str, Any]) -> str:
    """What to tell of brokers that `Settings.kafka_client()` could not reach: the first one's reason, and a question.

    Takes up to 5 seconds. The texts are ours: what a broker or a library says may repeat what it was given.
    """
    host, _, port = kafka["bootstrap_servers"][0].rpartition(":")
    options = {name: value for name, value in kafka.items() if name != "bootstrap_servers"}
    try:
        connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=_TIMEOUT_MS, **options)
    except (KafkaError, OSError, ValueError) as error:
        return told(error, kafka)
    connection.close()
    return "one answers now: try again"


def told(error: Exception, kafka: Mapping[str, Any]) -> str:
    """The reason in an error of a connection. Pure."""
    mechanism = kafka.get("sasl_mechanism")
    if isinstance(error, SaslAuthenticationFailed):
        return (
            f"the user or the password is refused ({mechanism}): are KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and"
            " KAFKA_SASL_MECHANISM right?"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"KAFKA_SASL_MECHANISM={mechanism} is not offered there"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the broker's certificate is not accepted ({error.verify_message}): is KAFKA_SSL_CA_LOCATION the authority"
            " that signed it, and is the certificate for this host?"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason}): is KAFKA_SECURITY_PROTOCOL right{_CERTIFICATE}"
    if isinstance(error, KafkaConnectionError) and "ssl_context" in kafka:
        return f"the connection was closed: is KAFKA_SECURITY_PROTOCOL right{_CERTIFICATE}"
    return f"{type(error).__name__}: {_RUNNING}"
