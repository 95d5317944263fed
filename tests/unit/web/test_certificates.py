"""The date that a certificate runs out is told, and a file that cannot be read stops nobody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from carbon_stream.observability.instruments import REGISTRY
from carbon_stream.settings import Settings
from carbon_stream.web.certificates import show_certificates


def shown(file: str) -> float | None:
    return REGISTRY.get_sample_value("carbon_stream_certificate_expiry_timestamp_seconds", {"file": file})


def test_the_first_of_a_files_certificates_to_run_out_is_told(tmp_path: Path) -> None:
    ends = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    authority = trustme.CA()
    ours = authority.issue_cert("client.example.org", not_after=ends)
    paths = [tmp_path / name for name in ("ca.pem", "client.pem", "client.key")]
    authority.cert_pem.write_to_path(paths[0])
    paths[1].write_bytes(b"".join(blob.bytes() for blob in ours.cert_chain_pems) + authority.cert_pem.bytes())
    ours.private_key_pem.write_to_path(paths[2])
    show_certificates(
        Settings(
            kafka_security_protocol="SSL",
            kafka_ssl_ca_location=paths[0],
            kafka_ssl_certificate_location=paths[1],
            kafka_ssl_key_location=paths[2],
        )
    )
    assert shown("client") == ends.timestamp()
    assert shown("ca") is not None


def test_a_file_that_is_none_is_left_to_whoever_connects_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "ca.pem").write_text("no certificate")
    show_certificates(Settings(kafka_security_protocol="SSL", kafka_ssl_ca_location=tmp_path / "ca.pem"))
    assert "cannot be read for its date" in caplog.text
