"""When the certificates that we have for the brokers run out, as a metric."""

from __future__ import annotations

import logging
from typing import Final

from cryptography.x509 import load_pem_x509_certificates

from carbon_stream.observability.platform_gauges import CERTIFICATE
from carbon_stream.settings import Settings

log: Final = logging.getLogger(__name__)


def show_certificates(settings: Settings) -> None:
    """Reads the files once: a process uses those that it was started with, whatever stands there later."""
    if not settings.uses_tls:
        return
    for name, path in (
        ("ca", settings.kafka_ssl_ca_location),
        ("client", settings.kafka_ssl_certificate_location),
    ):
        if path is None:
            continue
        try:
            certificates = load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:  # whoever connects with it says what is wrong
            log.info("%s cannot be read for its date: %r", path, error)
            continue
        CERTIFICATE.labels(name).set(min(one.not_valid_after_utc.timestamp() for one in certificates))
