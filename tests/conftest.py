"""Real brokers for the tests. Ports are free ones and folders temporary, so that suites can run side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from carbon_stream.local import LocalKafka
from carbon_stream.local.ports import free_ports

FreshKafka = Callable[..., LocalKafka]


# A machine that is slow for a moment fails nothing. The rest stays: where CI is set, the same examples each time.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings without a data directory of their own get one here, so that nothing is left where people keep theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


@pytest.fixture(autouse=True)
def own_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A spool that one test leaves there is not forwarded by the next one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("own-data-home")))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for the whole run. Tests share it: they name topics and groups of their own, and never stop it."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def bootstrap_servers(kafka: LocalKafka) -> str:
    """The shared broker's address, host:port."""
    return kafka.bootstrap_servers


@pytest.fixture
def fresh_kafka(tmp_path: Path) -> Iterator[FreshKafka]:
    """Starts brokers of the test's own: `fresh_kafka()`, with LocalKafka's options; all are stopped at its end."""
    places = (tmp_path / f"kafka-{number}" for number in count(1))
    with ExitStack() as stack:

        def start(data_dir: Path | None = None, **options: Any) -> LocalKafka:
            return stack.enter_context(LocalKafka(data_dir or next(places), **options))

        yield start


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A cluster of three nodes for the tests of one file; a test that takes a node down starts it again."""
    with LocalKafka(tmp_path_factory.mktemp("three"), nodes=3) as cluster:
        yield cluster


@pytest.fixture
def free_port() -> int:
    """A port on 127.0.0.1 on which nothing listens."""
    return free_ports(1)[0]
