"""The whole service over brokers that demand TLS and a password or a certificate, and what it says when refused."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.answers import eventually
from tests.support.secured_kafka import PASSWORD, SecuredKafka, secured_kafka
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.timeout(240)

GUESS = "guessed-wrong-3"
LISTENERS = ["password", "certificate"]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


def command(environment: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """A command of the service, with these of its variables and no others."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CARBON_STREAM_"))}
    return subprocess.run(
        [sys.executable, "-m", "carbon_stream.cli", *words],
        cwd=ROOT,
        env={**ours, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wrong(secured: SecuredKafka, what: str) -> dict[str, str]:
    """The variables of a listener with one thing wrong."""
    papers = secured.papers
    match what:
        case "password":
            return {**secured.environment("password"), "KAFKA_SASL_PASSWORD": GUESS}
        case "authority":
            return {**secured.environment("password"), "KAFKA_SSL_CA_LOCATION": str(papers.stranger_authority)}
        case "no certificate":
            listener = secured.environment("certificate")
            return {name: value for name, value in listener.items() if not name.startswith("KAFKA_SSL_C")} | {
                "KAFKA_SSL_CA_LOCATION": str(papers.authority),
                "KAFKA_SSL_KEY_LOCATION": "",
            }
        case _:
            return {
                **secured.environment("certificate"),
                "KAFKA_SSL_CERTIFICATE_LOCATION": str(papers.stranger),
                "KAFKA_SSL_KEY_LOCATION": str(papers.stranger_key),
            }


def denied(user: str) -> dict[str, Any]:
    return {
        "eventType": "AuditUserActionEvent",
        "source": "portal",
        "userId": user,
        "username": user,
        "action": "EXPORT",
        "resource": "report",
        "resourceType": "report",
        "result": "DENIED",
        "ipAddress": "unknown",
        "timestamp": int(time.time() * 1000),
    }


@pytest.mark.parametrize("listener", LISTENERS)
async def test_the_whole_service_works_with_the_platforms_variables(
    secured: SecuredKafka, tmp_path: Path, listener: str
) -> None:
    environment = secured.environment(listener)
    applied = command(environment, "bootstrap", "apply", "topics")
    assert applied.returncode == 0, applied.stderr
    planned = command(environment, "bootstrap", "plan", "topics")
    assert (planned.returncode, planned.stderr) == (0, "")
    service = Service(secured.kafka, tmp_path, environment)
    try:
        service.start()
        service.wait_ready()
        assert service.post(denied(f"by-{listener}"))["accepted"] == 1

        def counted() -> bool:
            groups = service.get("/v1/audit/summary", by="user")["groups"]
            return any(g["key"] == f"by-{listener}" and g["results"]["DENIED"] == 1 for g in groups)

        await eventually(counted)
        metrics = service.text("/metrics")
    finally:
        service.stop()
    assert service.processes[1].returncode == 0, service.logs()
    assert PASSWORD not in service.logs() + metrics + applied.stdout + applied.stderr


TOLD = {
    "password": "are KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM right?",
    "authority": "is KAFKA_SSL_CA_LOCATION the authority that signed it",
    "no certificate": "KAFKA_SSL_CERTIFICATE_LOCATION",
    "certificate": "KAFKA_SSL_CERTIFICATE_LOCATION",
}


@pytest.mark.parametrize("what", TOLD)
def test_a_command_names_the_setting_that_is_wrong_and_no_secret(secured: SecuredKafka, what: str) -> None:
    done = command(wrong(secured, what), "bootstrap", "plan", "topics")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no broker can be used" in done.stderr
    assert TOLD[what] in done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr
    assert GUESS not in done.stderr


@pytest.mark.parametrize("what", ["password", "authority"])
async def test_a_worker_that_is_refused_says_why_and_is_not_ready(
    secured: SecuredKafka, tmp_path: Path, what: str
) -> None:
    service = Service(secured.kafka, tmp_path, {**wrong(secured, what), "CARBON_STREAM_LOG_LEVEL": "DEBUG"})
    try:
        service.start()
        await eventually(lambda: TOLD[what] in service.logs(), 60)
        assert service.get("/healthz") == {"status": "alive"}
        with pytest.raises(OSError, match="503"):
            service.get("/readyz")
        (receipt,) = service.post(denied("nobody"))["receipts"]
        assert receipt["status"] == "spooled", "what Kafka cannot take now is kept"
    finally:
        service.stop()
    whole = (tmp_path / "worker-1.log").read_text()
    assert PASSWORD not in whole
    assert GUESS not in whole


def test_settings_are_shown_with_the_secrets_masked(secured: SecuredKafka) -> None:
    variables = {
        **secured.environment("both"),
        "KAFKA_SSL_KEY_PASSWORD": "of-the-key-5",
        "CARBON_STREAM_ADMIN_TOKEN": "an-admins-6",
    }
    for words in ((), ("--output", "json")):
        done = command(variables, "settings", *words)
        assert done.returncode == 0, done.stderr
        assert "SCRAM-SHA-512" in done.stdout
        for secret in (PASSWORD, "of-the-key-5", "an-admins-6"):
            assert secret not in done.stdout + done.stderr
