"""The embedded Kafka as its users see it: quick, honest about trouble, and the same after a restart."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.local import BrokerFailed, DataDirectoryInUse, LocalKafka, PortTaken, artefacts, ports
from carbon_stream.local import kafka as kafka_module

FreshKafka = Callable[..., LocalKafka]


async def _create_topic(servers: str, name: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        topic = NewTopic(name, num_partitions=1, replication_factor=1, topic_configs=configs)
        response = await admin.create_topics([topic])
        assert [error[1] for error in response.topic_errors] == [0]
    finally:
        await admin.close()


async def _send(servers: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", max_request_size=4 << 20)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _values(servers: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def _watch(kafka: LocalKafka, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        kafka.check_alive()
        time.sleep(0.05)


async def test_restart_keeps_data_cluster_and_port(tmp_path: Path) -> None:
    kafka = LocalKafka(tmp_path / "data of Zoë")
    with kafka:
        servers, cluster_id = kafka.bootstrap_servers, kafka.cluster_id
        await _create_topic(servers, "kept")
        await _send(servers, "kept", b"one")
    assert kafka.pids == {}
    with kafka:
        assert (kafka.bootstrap_servers, kafka.cluster_id) == (servers, cluster_id)
        await _send(servers, "kept", b"two")
        kafka.kill(1)
        kafka.start_node(1)
        assert await _values(servers, "kept", 2) == [b"one", b"two"]
    with LocalKafka(tmp_path / "data of Zoë") as again:
        assert again.cluster_id == cluster_id
        assert await _values(again.bootstrap_servers, "kept", 2) == [b"one", b"two"]


async def test_events_of_a_mebibyte_with_dead_letter_headers_fit(kafka: LocalKafka) -> None:
    value = os.urandom((1 << 20) + (64 << 10))
    await _create_topic(kafka.bootstrap_servers, "large")
    await _send(kafka.bootstrap_servers, "large", value)
    assert await _values(kafka.bootstrap_servers, "large", 1) == [value]


def test_listens_on_this_machine_only(kafka: LocalKafka) -> None:
    (pid,) = kafka.pids.values()
    listening = [c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 2
    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}


def test_log_is_in_the_data_directory(kafka: LocalKafka) -> None:
    assert "Kafka Server started" in (kafka.data_dir / "node-1" / "kafka.log").read_text()


def test_start_from_the_cache_needs_no_network(tmp_path: Path, kafka: LocalKafka) -> None:
    """In a process whose every way out leads nowhere. The shared broker's start has filled the cache."""
    code = (
        "import sys; from pathlib import Path; from carbon_stream.local import LocalKafka\n"
        "with LocalKafka(Path(sys.argv[1])) as kafka: print(kafka.bootstrap_servers)"
    )
    environment = {
        **os.environ,
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:1"),
        "XDG_CACHE_HOME": str(artefacts.cache_root().parent),
        "HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("127.0.0.1:")
    assert kafka.pids


def test_first_start_without_network_says_so(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from carbon_stream.local import LocalKafka, ArtefactsUnavailable\n"
        "try: LocalKafka(Path(sys.argv[1])).start()\n"
        "except ArtefactsUnavailable as error: print(error)"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:1"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path / "home"),
        "M2_REPO": str(tmp_path / "m2"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "The first start needs the network" in done.stdout
    assert not (tmp_path / "data").exists()


def test_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} .*CARBON_STREAM_KAFKA_PORT"):
            LocalKafka(tmp_path / "data", port=port).start()
    with LocalKafka(tmp_path / "data", port=port) as kafka:  # the failed start has left nothing locked or half made
        assert kafka.bootstrap_servers == f"127.0.0.1:{port}"


def test_port_that_is_lost_before_the_broker_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may bind a free port between our look and the broker's start: then other ports are tried."""
    with socket.create_server(("127.0.0.1", 0)) as thief:
        lost = thief.getsockname()[1]
        looks = 0

        def free_ports(count: int) -> list[int]:
            nonlocal looks
            looks += 1
            return [lost] if looks == 1 else ports.free_ports(count)

        monkeypatch.setattr(kafka_module, "ports", SimpleNamespace(free_ports=free_ports, is_free=ports.is_free))
        with LocalKafka(tmp_path / "data") as kafka:
            assert kafka.bootstrap_servers != f"127.0.0.1:{lost}"
    assert looks > 2


def test_data_directory_of_a_running_broker(kafka: LocalKafka) -> None:
    with pytest.raises(DataDirectoryInUse, match=f"process {os.getpid()}"):
        LocalKafka(kafka.data_dir).start()
    kafka.check_alive()


def test_broker_that_refuses_its_configuration_shows_its_log(fresh_kafka: FreshKafka) -> None:
    with pytest.raises(BrokerFailed, match=r"(?s)(status 1).*num\.io\.threads"):
        fresh_kafka(config={"num.io.threads": "-1"})


def test_broker_that_dies_is_noticed(fresh_kafka: FreshKafka) -> None:
    kafka = fresh_kafka()
    (pid,) = kafka.pids.values()
    kafka.check_alive()
    psutil.Process(pid).kill()
    with pytest.raises(BrokerFailed, match=r"node 1 ended with status 137"):
        _watch(kafka, 5)
