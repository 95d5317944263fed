"""Settings come from the environment, are checked before anything starts, and never show a secret."""

import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings, SettingsError, variable_of

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "scram-sha-512",
    "KAFKA_SASL_USERNAME": "svc",
    "KAFKA_SASL_PASSWORD": "hunter2",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable_of(name), raising=False)


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    use(monkeypatch, **variables)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    return str(caught.value)


def test_defaults_are_those_of_a_laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, XDG_DATA_HOME=str(tmp_path))
    settings = Settings.load()
    assert (settings.http_host, settings.http_port, settings.kafka_port) == ("127.0.0.1", 8080, 9092)
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert settings.data_dir == tmp_path / "carbon-stream"
    assert settings.kafka_client() == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}


def test_a_relative_xdg_folder_is_ignored_as_its_specification_demands(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, XDG_DATA_HOME="relative", HOME="/home/someone")
    assert Settings.load().data_dir == Path("/home/someone/.local/share/carbon-stream")


def test_the_embedded_brokers_port_moves_the_default_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, CARBON_STREAM_KAFKA_PORT="19092")
    assert Settings.load().kafka_bootstrap_servers == "127.0.0.1:19092"


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, CARBON_STREAM_HTTP_PORT="", KAFKA_BOOTSTRAP_SERVERS="")
    assert Settings.load().http_port == 8080


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(
        monkeypatch,
        CARBON_STREAM_HTTP_PORT="70000",
        CARBON_STREAM_KAFKA_PORT="zero",
        CARBON_STREAM_LOG_LEVEL="loud",
        KAFKA_SECURITY_PROTOCOL="TLS",
        CARBON_STREAM_TRUSTED_PROXIES="10.0.0.1/8",
    )
    named = [line.strip().partition(":")[0] for line in message.splitlines()[1:]]
    assert set(named) == {
        "CARBON_STREAM_HTTP_PORT",
        "CARBON_STREAM_KAFKA_PORT",
        "CARBON_STREAM_LOG_LEVEL",
        "KAFKA_SECURITY_PROTOCOL",
        "CARBON_STREAM_TRUSTED_PROXIES",
    }


def test_what_kubernetes_injects_for_a_service_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "enableServiceLinks" in refused(monkeypatch, CARBON_STREAM_HTTP_PORT="tcp://10.1.2.3:8080")


@pytest.mark.parametrize(
    "servers", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:99999", "PLAINTEXT://kafka:9092", ","]
)
def test_brokers_are_host_and_port(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    assert "KAFKA_BOOTSTRAP_SERVERS" in refused(monkeypatch, KAFKA_BOOTSTRAP_SERVERS=servers)


def test_proxies_are_networks_or_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, CARBON_STREAM_TRUSTED_PROXIES="10.0.0.0/8, 192.168.7.1  ::1")
    networks = Settings.load().trusted_networks
    assert any(ip_address("10.200.1.1") in n for n in networks)
    assert not any(ip_address("192.168.7.2") in n for n in networks)
    assert len(networks) == 3


def test_sasl_reaches_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, **SASL)
    client = Settings.load().kafka_client()
    assert isinstance(client.pop("ssl_context"), ssl.SSLContext)
    assert client == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "svc",
        "sasl_plain_password": "hunter2",
    }


@pytest.mark.parametrize("missing", ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"])
def test_half_of_sasl_is_refused_and_the_missing_half_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    message = refused(monkeypatch, **{name: value for name, value in SASL.items() if name != missing})
    assert missing in message
    assert "hunter2" not in message


def test_credentials_that_would_not_be_used_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refused(monkeypatch, KAFKA_SASL_PASSWORD="hunter2")
    assert "SASL_SSL" in message
    assert "hunter2" not in message


def test_no_way_of_showing_settings_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, **SASL, KAFKA_SSL_KEY_PASSWORD="swordfish")
    settings = Settings.load()
    texts = [repr(settings), str(settings), settings.model_dump_json(), str(settings.shown())]
    assert not [text for text in texts if "hunter2" in text or "swordfish" in text]
    rows = {row["variable"]: row for row in settings.shown()}
    assert rows["KAFKA_SASL_PASSWORD"] == {
        "variable": "KAFKA_SASL_PASSWORD",
        "value": "********",
        "from": "environment",
        "meaning": "SASL password",
    }
    assert rows["CARBON_STREAM_HTTP_PORT"]["from"] == "default"


def test_tls_files_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = refused(monkeypatch, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CA_LOCATION=str(tmp_path / "ca.pem"))
    assert "KAFKA_SSL_CA_LOCATION" in message


def test_a_key_needs_its_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("key")
    message = refused(monkeypatch, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_KEY_LOCATION=str(key))
    assert "KAFKA_SSL_CERTIFICATE_LOCATION" in message


def test_files_that_hold_no_certificate_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not PEM")
    use(monkeypatch, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CA_LOCATION=str(wrong))
    with pytest.raises(SettingsError, match="KAFKA_SSL_CA_LOCATION"):
        Settings.load().kafka_client()


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def test_mutual_tls_with_an_encrypted_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:swordfish", "-subj", "/CN=localhost"),
        *("-keyout", str(key), "-out", str(certificate), "-days", "2"),
    )
    use(
        monkeypatch,
        KAFKA_SECURITY_PROTOCOL="ssl",
        KAFKA_SSL_CA_LOCATION=str(certificate),
        KAFKA_SSL_CERTIFICATE_LOCATION=str(certificate),
        KAFKA_SSL_KEY_LOCATION=str(key),
    )
    with pytest.raises(OperatorError, match="KAFKA_SSL_KEY_PASSWORD") as caught:
        Settings.load().kafka_client()
    assert "swordfish" not in str(caught.value)
    use(monkeypatch, KAFKA_SSL_KEY_PASSWORD="swordfish")
    context = Settings.load().kafka_client()["ssl_context"]
    assert len(context.get_ca_certs()) == 1, "only the given authority is trusted"
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "url", ["kong:8001", "ftp://kong", "http://", "http://kong:0", "http://u:secret-pw@kong", "http://k/?a=b"]
)
def test_the_admin_apis_address_is_an_address_and_holds_no_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = refused(monkeypatch, CARBON_STREAM_KONG_ADMIN_URL=url)
    assert "CARBON_STREAM_KONG_ADMIN_URL" in message
    assert "secret-pw" not in message


def test_the_admin_apis_token_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, CARBON_STREAM_KONG_ADMIN_TOKEN="rbac-42", CARBON_STREAM_KONG_ADMIN_URL="https://kong:8444/admin")
    rows = {row["variable"]: row["value"] for row in Settings.load().shown()}
    assert rows["CARBON_STREAM_KONG_ADMIN_TOKEN"] == "********"
    assert rows["CARBON_STREAM_KONG_ADMIN_URL"] == "https://kong:8444/admin"
    assert rows["CARBON_STREAM_KONG_ADMIN_VERIFY"] == "True"
