"""TLS, mutual TLS and SASL by the platform's variables, on a broker that demands them: all three clients."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.node import built, clean_environment, run_script
from tests.support.secured_kafka import SecuredKafka

pytestmark = pytest.mark.timeout(300)

GUESS: Final = "guessed-wrong-3"
KEY_PASSWORD: Final = "under-the-mat-5"
HEALTH: Final = 'service_name="trino", namespace="n", health_status="HEALTHY", latency_ms=12, error_rate=0.0'
THREADS: Final = f"""
import logging, sys
from carbon_stream_producer import EventProducer
logging.basicConfig(level=logging.WARNING)
with EventProducer("svc", transport="kafka", delivery_timeout_s=float(sys.argv[1])) as producer:
    delivery = producer.produce_service_health_event({HEALTH})
    error = delivery.exception(100)
    print(error or delivery.result(0).status)
"""
ASYNCIO: Final = f"""
import asyncio, logging, sys
from carbon_stream_producer import AsyncEventProducer, DeliveryFailed
logging.basicConfig(level=logging.WARNING)
async def main():
    async with AsyncEventProducer("svc", transport="kafka", delivery_timeout_s=float(sys.argv[1])) as producer:
        try:
            print((await (await producer.produce_service_health_event({HEALTH}))).status)
        except DeliveryFailed as error:
            print(error)
asyncio.run(main())
"""
NODE: Final = """
import { getEventProducer } from '@carbon-stream/producer';
const producer = getEventProducer('svc', { deliveryTimeoutMs: DEADLINE });
await producer.connect().catch((error) => console.error(error.code, error.message));
const event = { serviceName: 'trino', namespace: 'n', healthStatus: 'HEALTHY', latencyMs: 12, errorRate: 0 };
const receipt = await producer.produceServiceHealthEvent(event).catch((error) => ({ status: error.message }));
console.log(receipt.status);
"""
Told = tuple[str, str]
"""What was printed, and what was logged."""
Client = Callable[[float, dict[str, str]], Told]


def python(script: str) -> Client:
    def send(deadline_s: float, variables: dict[str, str]) -> Told:
        done = subprocess.run(
            [sys.executable, "-c", script, str(deadline_s)],
            env=clean_environment(**variables),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout, done.stderr

    return send


def node(deadline_s: float, variables: dict[str, str]) -> Told:
    done = run_script(built(), NODE.replace("DEADLINE", str(int(deadline_s * 1000))), **variables)
    return done.stdout, done.stderr


CLIENTS: Final = {"threads": python(THREADS), "asyncio": python(ASYNCIO), "node": node}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sealed_key(secured: SecuredKafka, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's key, which opens with KEY_PASSWORD."""
    key = load_pem_private_key(secured.papers.client_key.read_bytes(), None)
    path = tmp_path_factory.mktemp("sealed") / "key.pem"
    sealed = BestAvailableEncryption(KEY_PASSWORD.encode())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed))
    return path


@pytest.mark.parametrize(
    ("listener", "mechanism"),
    [
        ("certificate", None),
        ("password", "PLAIN"),
        ("password", "SCRAM-SHA-256"),
        ("both", "SCRAM-SHA-512"),
        ("clear", "SCRAM-SHA-512"),
    ],
)
def test_the_platforms_variables_open_it(
    secured: SecuredKafka, client: str, listener: str, mechanism: str | None
) -> None:
    chosen = {} if mechanism is None else {"KAFKA_SASL_MECHANISM": mechanism}
    printed, logged = CLIENTS[client](60, secured.environment(listener) | chosen)
    assert printed == "accepted\n", logged[-2_000:]


def test_a_key_may_be_sealed(secured: SecuredKafka, client: str, sealed_key: Path) -> None:
    sealed = {"KAFKA_SSL_KEY_LOCATION": str(sealed_key), "KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD}
    printed, logged = CLIENTS[client](60, secured.environment("certificate") | sealed)
    assert printed == "accepted\n", logged[-2_000:]


@pytest.mark.parametrize(
    ("listener", "wrong", "variable"),
    [
        ("password", {"KAFKA_SASL_PASSWORD": GUESS}, "KAFKA_SASL_PASSWORD"),
        ("password", {"KAFKA_SSL_CA_LOCATION": "stranger_authority"}, "KAFKA_SSL_CA_LOCATION"),
        (
            "certificate",
            {"KAFKA_SSL_CERTIFICATE_LOCATION": "stranger", "KAFKA_SSL_KEY_LOCATION": "stranger_key"},
            "does the broker take ours",
        ),
    ],
)
def test_what_is_not_let_in_says_what_to_look_at_and_never_the_secret(
    secured: SecuredKafka, client: str, listener: str, wrong: dict[str, str], variable: str
) -> None:
    papers = {name: str(getattr(secured.papers, value, value)) for name, value in wrong.items()}
    printed, logged = "", ""
    for _ in range(20):  # where the machine is busy, an event's time may be over before the broker has said no
        printed, logged = CLIENTS[client](3, secured.environment(listener) | papers)
        assert "was not delivered" in printed, logged[-2_000:]
        assert GUESS not in printed + logged
        if variable in printed:
            break
    assert variable in printed, logged[-2_000:]
    if client == "node":  # `connect` rejects
        assert "CONFIGURATION Kafka does not let us in: " in logged
