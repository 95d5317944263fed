"""The brokers' configuration files, as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HOST", "NodeAddress", "check_overrides", "log4j2_properties", "render", "server_properties"]

HOST = "127.0.0.1"  # never reachable from outside this machine

_MIB = 1 << 20

# The data directory, the ports and the quorum belong to LocalKafka: overriding them would break start and stop.
_RESERVED = frozenset(
    {
        "process.roles",
        "node.id",
        "broker.id",
        "controller.quorum.voters",
        "controller.quorum.bootstrap.servers",
        "listeners",
        "advertised.listeners",
        "controller.listener.names",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
    }
)


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where one combined node (broker and controller) listens on 127.0.0.1."""

    node: int
    broker_port: int
    controller_port: int


def check_overrides(overrides: Mapping[str, str]) -> None:
    """Raises ValueError for a setting that LocalKafka itself decides, or that cannot stand in a properties file."""
    for name, value in overrides.items():
        if name in _RESERVED:
            raise ValueError(f"{name} is decided by LocalKafka and cannot be overridden")
        if not name or any(c in name for c in " =:#!\\\r\n") or any(c in value for c in "\r\n"):
            raise ValueError(f"{name!r} cannot be written to server.properties")


def render(settings: Mapping[str, str]) -> str:
    """A Java properties file, in ASCII, as `java.util.Properties.load` reads it (a backslash starts an escape)."""
    return "".join(f"{name}={_escape(value)}\n" for name, value in settings.items())


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\")
    if escaped.isascii():
        return escaped
    units = escaped.encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def server_properties(
    me: NodeAddress, all_nodes: Sequence[NodeAddress], log_dir: Path, overrides: Mapping[str, str]
) -> dict[str, str]:
    """server.properties of one node: small, quick to start, and otherwise like a production broker."""
    check_overrides(overrides)
    count = len(all_nodes)
    replication, min_isr = (str(min(count, 3)), "2" if count >= 3 else "1")
    return {
        "process.roles": "broker,controller",
        "node.id": str(me.node),
        "controller.quorum.voters": ",".join(f"{n.node}@{HOST}:{n.controller_port}" for n in all_nodes),
        "listeners": f"PLAINTEXT://{HOST}:{me.broker_port},CONTROLLER://{HOST}:{me.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{me.broker_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(log_dir),
        "auto.create.topics.enable": "false",
        "default.replication.factor": replication,
        "min.insync.replicas": min_isr,
        **_internal_topics(replication, min_isr),
        **_sizes(),
        **_times(),
        **overrides,
    }


def _internal_topics(replication: str, min_isr: str) -> dict[str, str]:
    """Few partitions: each costs files and start-up time."""
    return {
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": replication,
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": replication,
        "transaction.state.log.min.isr": min_isr,
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": replication,
        "share.coordinator.state.topic.min.isr": min_isr,
    }


def _sizes() -> dict[str, str]:
    return {
        # An event of 1 MiB, 64 KiB of a dead letter's headers, and a batch's overhead fit well; topics may set less.
        "message.max.bytes": str(2 * _MIB),
        "replica.fetch.max.bytes": str(4 * _MIB),
        # Index files are allocated in full; the default of 10 MiB makes hundreds of empty partitions look huge.
        "log.index.size.max.bytes": str(_MIB),
        "log.cleaner.dedupe.buffer.size": str(16 * _MIB),  # the default of 128 MiB is a third of the heap
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }


def _times() -> dict[str, str]:
    return {
        "group.initial.rebalance.delay.ms": "0",
        # A transaction that timed out holds back read_committed readers until this next look (default 10 s).
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
        # A killed broker is noticed after 6 s rather than 9 s, so that fault tests need not wait as long.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        "log.segment.delete.delay.ms": "1000",
    }


def log4j2_properties() -> str:
    """Warnings and errors, and the lines that say a server started, to a bounded file; nothing on the terminal."""
    return render(
        {
            "status": "error",
            "appender.file.type": "RollingFile",
            "appender.file.name": "file",
            "appender.file.fileName": "${sys:carbon.log}",
            "appender.file.filePattern": "${sys:carbon.log}.%i",
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": "%d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}{UTC} %p %c{1} %m%n",
            "appender.file.policies.type": "Policies",
            "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size": "10MB",
            "appender.file.strategy.type": "DefaultRolloverStrategy",
            "appender.file.strategy.max": "3",
            "rootLogger.level": "warn",
            "rootLogger.appenderRef.file.ref": "file",
            "logger.start.name": "kafka.server.KafkaRaftServer",
            "logger.start.level": "info",
        }
    )
