"""Brokers that the tests of the producer libraries share: they use ids of their own, and never stop them."""

from collections.abc import Iterator

import pytest

from carbon_stream.local import LocalKafka
from tests.support.sdk_broker import make_topics
from tests.support.secured_kafka import SecuredKafka, secured_kafka


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker with the twelve topics: the shared one has other tests' topics of these names."""
    with LocalKafka(tmp_path_factory.mktemp("sdk")) as kafka:
        make_topics(kafka)
        yield kafka


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A broker that demands a password, a certificate, or both."""
    with secured_kafka(tmp_path_factory.mktemp("sdk-secured")) as found:
        make_topics(found.kafka)
        yield found
