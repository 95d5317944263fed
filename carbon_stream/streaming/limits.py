"""What the brokers say they take."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from carbon_stream.streaming.unit import Logic

log = logging.getLogger(__name__)

BATCH_OVERHEAD_BYTES = 1024
"""What a record batch, a record's own fields and the end of a compressed frame add to one row."""


async def message_bytes_max(kafka: Mapping[str, Any], topic: str) -> int | None:
    """A topic's `max.message.bytes` as the brokers have it now; None if they do not say (which is logged)."""
    client = AIOKafkaAdminClient(**kafka)
    try:
        await client.start()
        for response in await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]):
            for code, message, _, _, entries in response.resources:
                if code:
                    log.error("the limit of %s cannot be read: %s", topic, message or code)
                    continue
                return next((int(entry[1]) for entry in entries if entry[0] == "max.message.bytes"), None)
    except (KafkaError, OSError) as exc:
        log.warning("the limit of %s cannot be read: %r", topic, exc)
    finally:
        await client.close()
    return None


async def learnt(kafka: Mapping[str, Any], changelog: str, logic: Logic) -> Logic:
    """The logic with rows bounded by what the changelog takes, which is less than was thought: it has refused one."""
    largest = await message_bytes_max(kafka, changelog)
    if largest is None:
        return logic
    bound = min(logic.row_bytes_max, largest - BATCH_OVERHEAD_BYTES)
    log.warning("%s takes %d bytes: rows may have %d from now on", changelog, largest, bound)
    return replace(logic, row_bytes_max=bound)
