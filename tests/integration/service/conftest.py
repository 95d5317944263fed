"""Services and brokers of a test file's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from carbon_stream.local import LocalKafka
from tests.support.service import Service

MakeService = Callable[..., Service]


@pytest.fixture(scope="module")
def make_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeService]:
    """Starts brokers and services of a test file's own: `make_service(**environment)`."""
    made: list[tuple[Service, LocalKafka]] = []

    def make(**environment: str) -> Service:
        folder = tmp_path_factory.mktemp("service")
        kafka = LocalKafka(folder / "kafka")
        kafka.start()
        service = Service(kafka, folder, environment)
        made.append((service, kafka))
        return service

    try:
        yield make
    finally:
        for service, kafka in made:
            service.stop()
            kafka.stop()


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    """One worker that does everything, ready."""
    made = make_service()
    made.start()
    made.wait_ready()
    return made
