"""Talking to the brokers about topics.

aiokafka's admin client raises for a lost connection, and hands most refusals back as codes inside the answer; here
every code is looked at, and a refusal becomes an exception.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidPartitionsError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from carbon_stream.bootstrap.topics.found import Cluster, Found
from carbon_stream.bootstrap.topics.plan import Create, Grow
from carbon_stream.bootstrap.topics.refusal import why_unusable
from carbon_stream.errors import OperatorError

__all__ = ["Broker", "connected"]

_log = logging.getLogger(__name__)
_REQUEST_TIMEOUT_MS = 20_000
_TRIES = 4
_RETRY_S = 20.0
_TOPIC_OVERRIDE = 1  # ConfigSource.DYNAMIC_TOPIC_CONFIG of the protocol
_T = TypeVar("_T")


@asynccontextmanager
async def connected(kafka: Mapping[str, Any]) -> AsyncIterator[Broker]:
    """An admin connection; `kafka` is `Settings.kafka_client()`. OperatorError when no broker can be reached."""
    servers = ",".join(kafka["bootstrap_servers"])
    client = AIOKafkaAdminClient(**kafka, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        try:
            await client.start()
        except (KafkaError, OSError) as error:
            raise OperatorError(f"no broker can be used at {servers}: {await why_unusable(kafka)}") from error
        yield Broker(client)
    finally:
        await client.close()


def _under_replicated(partitions: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    return tuple(part["partition"] for part in partitions if len(part["isr"]) < len(part["replicas"]))


class Broker:
    """What the plan needs to know and do. Each call may be repeated."""

    def __init__(self, client: AIOKafkaAdminClient) -> None:
        self._client = client

    async def read(self, names: Sequence[str], group: str) -> Cluster:
        """The brokers, those of the topics `names` that exist, and the members of consumer group `group`."""
        # All topics are listed: asking for one by name may create it, where brokers create topics on their own.
        metadata = (await _again(self._client._get_cluster_metadata)).to_object()
        brokers = tuple(sorted(broker["node_id"] for broker in metadata["brokers"]))
        parts = {
            topic["topic"]: sorted(topic["partitions"], key=lambda part: int(part["partition"]))
            for topic in metadata["topics"]
            if topic["topic"] in names and not topic["error_code"]
        }
        settings = await self._settings(parts)
        topics = {
            name: Found(name, tuple(tuple(part["replicas"]) for part in each), *settings[name], _under_replicated(each))
            for name, each in parts.items()
            if name in settings
        }
        return Cluster(brokers, topics, await self.members(group))

    async def _settings(self, names: Iterable[str]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
        """For each topic the settings in force, and those set on the topic itself."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]

        async def ask() -> dict[str, tuple[dict[str, str], dict[str, str]]]:
            found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
            for response in await self._client.describe_configs(resources):
                for code, message, _, name, entries in response.resources:
                    _raise(code, f"reading the settings of {name}", message)
                    values = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
                    own = {entry[0] for entry in entries if entry[3] == _TOPIC_OVERRIDE}
                    found[name] = (values, {key: value for key, value in values.items() if key in own})
            return found

        return await _again(ask) if resources else {}

    async def members(self, group: str) -> tuple[str, ...]:
        """Who works in a consumer group: `client id at host` of each member."""

        async def ask() -> tuple[str, ...]:
            present: list[str] = []
            for response in await self._client.describe_consumer_groups([group]):
                for each in response.to_object()["groups"]:
                    _raise(each["error_code"], f"reading consumer group {group}", None)
                    present += [f"{member['client_id']} at {member['client_host']}" for member in each["members"]]
            return tuple(sorted(present))

        return await _again(ask)

    async def create(self, steps: Sequence[Create]) -> list[Create]:
        """Creates topics; those that somebody else has just created are left out of the answer."""
        made: dict[str, Create] = {}

        async def ask() -> None:
            missing = [step for step in steps if step.topic not in made]
            new = [NewTopic(each.topic, each.partitions, each.replication, None, each.settings) for each in missing]
            response = await self._client.create_topics(new)
            by_name = {step.topic: step for step in missing}
            errors = [(name, code, "".join(filter(None, message))) for name, code, *message in response.topic_errors]
            made.update((name, by_name[name]) for name, code, _ in errors if not code)
            for name, code, message in errors:
                if for_code(code) is not TopicAlreadyExistsError:
                    _raise(code, f"creating {name}", message)

        await _again(ask)
        return [made[step.topic] for step in steps if step.topic in made]

    async def grow(self, step: Grow) -> None:
        """Gives a topic more partitions. That it has as many by now is no error: the next reading shows what it has."""
        try:
            await _again(lambda: self._client.create_partitions({step.topic: NewPartitions(step.after)}))
        except InvalidPartitionsError as error:
            _log.info("%s was not grown: %s", step.topic, error)

    async def change(self, topic: str, settings: Mapping[str, str]) -> None:
        """Sets settings of a topic. The protocol replaces all of a topic's own settings at once, so they are read,
        merged and written together; another writer in between is seen and the merge done again.
        """
        for _ in range(_TRIES):
            merged = {**(await self._settings([topic]))[topic][1], **settings}
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, merged)
            await _again(partial(self._write, resource))
            if await self._has(topic, merged):
                return
        raise OperatorError(f"the settings of {topic} are being changed by somebody else; try again")

    async def _write(self, resource: ConfigResource) -> None:
        for response in await self._client.alter_configs([resource]):
            for code, message, _, name in response.resources:
                _raise(code, f"changing the settings of {name}", message)

    async def _has(self, topic: str, wanted: Mapping[str, str]) -> bool:
        """Whether the settings have arrived: a broker may answer from before for a moment."""
        for _ in range(20):
            if (await self._settings([topic]))[topic][1] == wanted:
                return True
            await asyncio.sleep(0.1)
        return False


def _raise(code: int, doing: str, message: str | None) -> None:
    if code:
        error = for_code(code)
        raise error(f"{doing}: {message or error.description}")


async def _again(call: Callable[[], Awaitable[_T]]) -> _T:
    """Repeats a call that failed for a reason that passes: a node that is gone was asked, a coordinator is starting."""
    deadline = time.monotonic() + _RETRY_S
    while True:
        try:
            return await call()
        except (KafkaError, TimeoutError) as error:
            if time.monotonic() >= deadline or not getattr(error, "retriable", True):
                raise
            _log.info("asking the brokers again after %s", type(error).__name__)
            await asyncio.sleep(0.3)
