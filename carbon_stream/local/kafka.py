"""LocalKafka: a real Kafka of one or several nodes on 127.0.0.1, in a data directory, for development and tests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from carbon_stream.local import artefacts, java, memory, ports, probe
from carbon_stream.local.directory import DataDirectory
from carbon_stream.local.errors import BrokerFailed
from carbon_stream.local.guarded import GRACE_S
from carbon_stream.local.node import Node, Program
from carbon_stream.local.properties import HOST, NodeAddress, check_overrides, server_properties

__all__ = ["LocalKafka"]

_HEAP_MB = 400
_LOOK_S = 0.05
_PORT_ATTEMPTS = 3
_LAST_GRACE_S = 2.0
_FAILED_GRACE_S = 4.0  # a cluster that never came up has nothing to hand over
_NOTHING: Mapping[str, str] = MappingProxyType({})


class LocalKafka:
    """A KRaft cluster whose processes live no longer than this one.

    `data_dir` keeps topics and the cluster's identity from one start to the next. `port` is the first node's; the
    others follow (port + 1, …), and 0 picks free ports. `nodes` numbered from 1: with three or more, topics have by
    default replication 3 and two in-sync replicas. `config` is put over the brokers' configuration. `cache_dir` holds
    the jars (this user's cache by default).

        with LocalKafka(Path("data")) as kafka:
            producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)

    Raises, from `start`, the errors of carbon_stream.local.errors. Not thread-safe.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        nodes: int = 1,
        config: Mapping[str, str] = _NOTHING,
        cache_dir: Path | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        if not 1 <= nodes <= 5:
            raise ValueError(f"a local Kafka has 1 to 5 nodes, not {nodes}")
        if not 0 <= port <= 65_535 - nodes + 1:
            raise ValueError(f"{nodes} nodes cannot listen from port {port} on")
        check_overrides(config)
        self._port = port
        self._config = dict(config)
        self._cache_dir = cache_dir
        self._start_timeout_s = start_timeout_s
        self._directory = DataDirectory(data_dir, nodes=nodes, version=artefacts.manifest().version)
        self._node_ids = range(1, nodes + 1)
        self._nodes: dict[int, Node] = {}
        self._addresses: list[NodeAddress] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of every node, comma-separated. The same after a stop and a start of this object."""
        if not self._addresses:
            raise RuntimeError("the local Kafka has not been started")
        return ",".join(f"{HOST}:{address.broker_port}" for address in self._addresses)

    @property
    def cluster_id(self) -> str:
        """The cluster's identity, which the data directory keeps."""
        return self._directory.cluster_id

    @property
    def data_dir(self) -> Path:
        """Where the cluster's files are; a node's log is node-<n>/kafka.log."""
        return self._directory.path

    @property
    def pids(self) -> dict[int, int]:
        """The process id of each node that runs."""
        return {n: node.pid for n, node in self._nodes.items() if node.is_running and node.pid is not None}

    def start(self) -> None:
        """Returns when every node answers and sees all the others. Fetches the jars on the first start ever."""
        if self._nodes:
            raise RuntimeError("the local Kafka is started already")
        executable = java.java()
        memory.check(len(self._node_ids))
        program = Program(executable, artefacts.jars(self._cache_dir), _HEAP_MB)
        self._directory.acquire()
        try:
            self._start_nodes(program)
        except BaseException:
            self.stop(_FAILED_GRACE_S)
            raise

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Ends all nodes, gently for up to `grace_s` seconds, then hard. Does nothing if none runs."""
        self._stop_nodes(grace_s)
        self._nodes.clear()
        self._directory.release()

    def kill(self, node: int) -> None:
        """Ends one node at once, as a crash would."""
        self._node(node).kill()

    def stop_node(self, node: int) -> None:
        """Ends one node gently: its partitions' leaders move first."""
        self._node(node).stop()

    def start_node(self, node: int) -> None:
        """Starts a node that was stopped or killed, on its old port; returns when it answers and sees itself."""
        self._node(node).start(self._directory.lock_fd)
        self._wait_until_up({node}, frozenset({node}))

    def pause(self, node: int) -> None:
        """Freezes one node: its connections stay open and nothing answers."""
        self._node(node).pause()

    def resume(self, node: int) -> None:
        """Lets a paused node go on."""
        self._node(node).resume()

    def check_alive(self) -> None:
        """Raises BrokerFailed, with the end of its log, if a node has ended by itself."""
        for node in self._nodes.values():
            node.check_alive()

    def _node(self, node: int) -> Node:
        if node not in self._nodes:
            raise ValueError(f"there is no node {node}: the nodes that were started are {sorted(self._nodes)}")
        return self._nodes[node]

    def _start_nodes(self, program: Program) -> None:
        """Ports that were picked, not asked for, may be lost to another process before the broker has them."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._addresses = self._choose_addresses()
            self._nodes = {a.node: Node(a, self._directory.node(a.node), program) for a in self._addresses}
            try:
                self._format()
                for node in self._nodes.values():
                    node.start(self._directory.lock_fd)
                self._wait_until_up(set(self._nodes), frozenset(self._nodes))
                return
            except BrokerFailed:
                lost = any(node.lost_its_port() for node in self._nodes.values())
                self._stop_nodes()
                if not lost or attempt == _PORT_ATTEMPTS:
                    raise
                self._addresses = []

    def _choose_addresses(self) -> list[NodeAddress]:
        """Ports of an earlier start of this object are used again where they are free: its clients know them."""
        if self._addresses and all(ports.is_free(a.broker_port) for a in self._addresses):
            brokers = [a.broker_port for a in self._addresses]
        elif self._port:
            brokers = [self._port + place for place in range(len(self._node_ids))]
            for port in brokers:
                ports.check_free(port, "stop what holds it, or choose another port (CARBON_STREAM_KAFKA_PORT)")
        else:
            brokers = ports.free_ports(len(self._node_ids))
        taken = set(brokers)
        controllers = [p for p in ports.free_ports(2 * len(brokers)) if p not in taken]
        return [NodeAddress(*three) for three in zip(self._node_ids, brokers, controllers, strict=False)]

    def _format(self) -> None:
        tools = []
        for number, node in self._nodes.items():
            node.write_files(server_properties(node.address, self._addresses, node.data, self._config))
            if not self._directory.is_formatted(number):
                tools.append((node, node.format(self.cluster_id)))
        for node, tool in tools:
            node.formatted(tool, self._start_timeout_s)

    def _wait_until_up(self, asked: set[int], expected: frozenset[int]) -> None:
        """Until each node in `asked` answers, knows a controller, and sees the `expected` nodes."""
        deadline = time.monotonic() + self._start_timeout_s
        waiting = set(asked)
        while waiting:
            for number in sorted(waiting):
                node = self._nodes[number]
                node.check_alive()
                state = probe.ask(node.address.broker_port)
                if state is not None and state.has_controller and state.brokers >= expected:
                    waiting.discard(number)
            if waiting and time.monotonic() > deadline:
                slow = self._nodes[min(waiting)]
                raise BrokerFailed(
                    f"node {min(waiting)} did not answer within {self._start_timeout_s:.0f} s{slow.tail()}"
                )
            if waiting:
                time.sleep(_LOOK_S)

    def _stop_nodes(self, grace_s: float = GRACE_S) -> None:
        deadline = time.monotonic() + grace_s
        for node in self._nodes.values():
            node.ask_to_stop()
        while len(self.pids) > len(self._nodes) // 2 and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        # The last ones would wait in vain for a majority of controllers.
        deadline = min(deadline, time.monotonic() + _LAST_GRACE_S)
        for node in self._nodes.values():
            node.stop(deadline - time.monotonic())
