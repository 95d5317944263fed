"""The AsyncAPI 3.0 document: the twelve topics as channels, with the messages that they carry."""

from typing import Any

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.contracts.examples import valid
from carbon_stream.contracts.names import APP_ID
from carbon_stream.contracts.scalars import DEFAULT_VERSION
from carbon_stream.contracts.schemas import schema_object

_BINDING = "0.5.0"

_HEADERS = {
    "type": "object",
    "description": "Events that came by HTTP are CloudEvents in binary mode as well; others may have any headers.",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "description": "The eventId."},
        "ce_type": {"type": "string", "description": "The eventType."},
        "ce_source": {"type": "string", "description": "The source."},
        "ce_time": {"type": "string", "description": "The timestamp, RFC 3339."},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context, where the sender gave one."},
    },
}


def asyncapi() -> dict[str, Any]:
    """The document, as JSON values."""
    operations = {f"receive{topic.event_type}": _operation(topic, "receive") for topic in TOPICS}
    operations |= {f"send{topic.event_type}": _operation(topic, "send") for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:{APP_ID}:events",
        "info": {
            "title": "carbon_stream events",
            "version": DEFAULT_VERSION,
            "description": "The events of the data platform: one event type a topic, flat JSON objects in camelCase.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrapServers}",
                "protocol": "kafka",
                "variables": {
                    "bootstrapServers": {
                        "default": "localhost:9092",
                        "description": "The platform's brokers, as in KAFKA_BOOTSTRAP_SERVERS.",
                    }
                },
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": operations,
        "components": {
            "messages": {topic.event_type: _message(topic) for topic in TOPICS},
            "schemas": {topic.event_type: schema_object(topic.event_type) for topic in TOPICS},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {topic.event_type: {"$ref": f"#/components/messages/{topic.event_type}"}},
        "tags": [{"name": topic.group.value}],
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms},
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(topic: Topic, action: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.event_type}"}],
    }
    if action == "receive":
        made["summary"] = "Fold the events of this topic into the tables."
        made["bindings"] = {"kafka": {"groupId": {"type": "string", "const": APP_ID}, "bindingVersion": _BINDING}}
    else:
        made["summary"] = "Publish what ingest has accepted."
    return made


def _message(topic: Topic) -> dict[str, Any]:
    key = {
        "type": "string",
        "minLength": 1,
        "maxLength": limits.NAME_CHARS,
        "description": f"{topic.entity.capitalize()} ({', else '.join(topic.key_fields)}); some producers use other "
        "keys or none.",
    }
    return {
        "name": topic.event_type,
        "title": topic.event_type,
        "summary": topic.description,
        "contentType": "application/json",
        "headers": _HEADERS,
        "payload": {"$ref": f"#/components/schemas/{topic.event_type}"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
        "examples": [{"name": case.name, "payload": case.event} for case in valid(topic.event_type)[:2]],
    }
