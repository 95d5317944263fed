"""What the brokers say of a changelog topic: which one it is, and for how long it remembers that a row was deleted.

aiokafka speaks no version of the metadata request that tells topics' ids, so the one that first does (version 10, of
Kafka 2.8; https://kafka.apache.org/protocol) is written down here, in aiokafka's own terms.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from random import shuffle
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, RequestTimedOutError, for_code
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from carbon_stream.streaming.shard import Origin

DELETE_RETENTION_MS = 24 * 3_600_000
"""Kafka's default, taken where we may not read the topic's own."""

_SETTING = "delete.retention.ms"


@dataclass(frozen=True, slots=True)
class Changelog:
    """A changelog topic. A tombstone may be gone `delete_retention_ms` after it was written."""

    origin: Origin
    delete_retention_ms: int


class _Id:
    """16 bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))

    @classmethod
    def repr(cls, value: UUID) -> str:
        return str(value)


_TEXT = CompactString("utf-8")
_BROKER = (("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields))
_PARTITION = (
    ("error", Int16), ("number", Int32), ("leader", Int32), ("epoch", Int32), ("replicas", CompactArray(Int32)),
    ("in_sync", CompactArray(Int32)), ("offline", CompactArray(Int32)), ("tags", TaggedFields),
)  # fmt: skip
_TOPIC = (
    ("error", Int16), ("name", _TEXT), ("id", _Id), ("internal", Boolean), ("partitions", CompactArray(*_PARTITION)),
    ("operations", Int32), ("tags", TaggedFields),
)  # fmt: skip


class _Answer(Response):  # type: ignore[misc]  # untyped, as below
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_ms", Int32), ("brokers", CompactArray(*_BROKER)), ("cluster", _TEXT), ("controller", Int32),
        ("topics", CompactArray(*_TOPIC)), ("operations", Int32), ("tags", TaggedFields),
    )  # fmt: skip


class _Question(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Id), ("name", _TEXT), ("tags", TaggedFields))), ("create", Boolean),
        ("cluster_operations", Boolean), ("topic_operations", Boolean), ("tags", TaggedFields),
    )  # fmt: skip


class _Metadata(Request[_Question]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics: list[tuple[UUID, str, dict[int, bytes]]] = [(UUID(int=0), topic, {}) for topic in topics]

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(self._topics, False, False, False, {})


async def describe(consumer: AIOKafkaConsumer, topics: Collection[str]) -> dict[str, Changelog]:
    """What is known of these topics. Raises KafkaError where one cannot be described now."""
    client: Any = consumer._client
    retentions = await _retentions(client, topics)
    try:
        answer = (await _ask(client, _Metadata(topics))).to_object()
    except NotImplementedError:  # a broker before 2.8: only its offsets tell a topic that was made anew
        return {topic: Changelog(Origin(), retentions.get(topic, DELETE_RETENTION_MS)) for topic in topics}
    found = {}
    for topic in answer["topics"]:
        if topic["error"]:
            raise for_code(topic["error"])(topic["name"])
        origin = Origin(answer["cluster"] or "", str(topic["id"]))
        found[topic["name"]] = Changelog(origin, retentions.get(topic["name"], DELETE_RETENTION_MS))
    return found


async def _retentions(client: Any, topics: Collection[str]) -> dict[str, int]:
    """`delete.retention.ms` of each topic whose settings we may read."""
    resources = [(ConfigResourceType.TOPIC, topic, [_SETTING]) for topic in topics]
    answer = await _ask(client, DescribeConfigsRequest(resources, False))
    return {
        name: int(entry[1])
        for code, _, _, name, entries in answer.resources
        if not code
        for entry in entries
        if entry[0] == _SETTING and entry[1]
    }


async def _ask(client: Any, request: Any) -> Any:
    """The answer of the first broker that gives one: some may be away, those that we are connected to least likely."""
    connected = {node for node, _ in client._conns}
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    shuffle(nodes)
    nodes.sort(key=lambda node: node not in connected)
    failure: KafkaError = NodeNotReadyError("no broker is known")
    for node in nodes:
        try:
            return await client.send(node, request)
        except (NodeNotReadyError, KafkaConnectionError, RequestTimedOutError) as exc:
            failure = exc
    raise failure
