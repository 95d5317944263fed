"""The platform's TLS and SASL settings open a real broker that demands both, and nothing less does."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from carbon_stream.bootstrap.topics.apply import read_plan
from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings
from tests.support.secured_kafka import PASSWORD, SecuredKafka, secured_kafka


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def environment(secured: SecuredKafka) -> dict[str, str]:
    """Of the listener that wants a client certificate and a password."""
    return secured.environment("both")


@pytest.fixture(autouse=True)
async def goodbyes() -> AsyncIterator[None]:
    """aiokafka closes without waiting for the end of TLS: a moment for it before the event loop goes."""
    yield
    await asyncio.sleep(0.25)


def load(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_certificate_and_password_open_every_kind_of_client(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    settings = load(monkeypatch, {**environment, "KAFKA_SASL_MECHANISM": mechanism})
    assert len((await read_plan(settings)).steps) == len(wanted_topics())
    client = settings.kafka_client()
    async with AIOKafkaProducer(**client, acks="all", enable_idempotence=True):
        pass
    async with AIOKafkaConsumer(**client, group_id="secured"):
        pass


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"KAFKA_SASL_PASSWORD": "guessed-wrong"}, "the user or the password is refused"),
        (
            {"KAFKA_SASL_PASSWORD": "guessed-wrong", "KAFKA_SASL_MECHANISM": "PLAIN"},
            "the user or the password is refused",
        ),
        ({"KAFKA_SSL_CA_LOCATION": "stranger_authority"}, "is KAFKA_SSL_CA_LOCATION the authority"),
        (
            {"KAFKA_SSL_CERTIFICATE_LOCATION": "stranger", "KAFKA_SSL_KEY_LOCATION": "stranger_key"},
            "KAFKA_SSL_CERTIFICATE_LOCATION",
        ),
    ],
    ids=["password", "plain-password", "authority", "certificate"],
)
async def test_anything_less_is_refused_in_words_that_name_the_setting_and_no_secret(
    secured: SecuredKafka,
    environment: dict[str, str],
    wrong: dict[str, str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = {name: str(getattr(secured.papers, value)) if "SSL" in name else value for name, value in wrong.items()}
    settings = load(monkeypatch, {**environment, **changed})
    with pytest.raises(OperatorError, match="no broker can be used") as caught:
        await read_plan(settings)
    assert told in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "guessed-wrong" not in str(caught.value)


async def test_a_listener_without_tls_or_nobody_at_all_is_told_as_such(
    secured: SecuredKafka, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"KAFKA_BOOTSTRAP_SERVERS": secured.environment("certificate")["KAFKA_BOOTSTRAP_SERVERS"]}
    for variables in (plain, {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port}"}):
        with pytest.raises(OperatorError, match="KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL right"):
            await read_plan(load(monkeypatch, variables))
