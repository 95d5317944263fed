"""GET /v1/types, /v1/types/{eventType} and /v1/topics: the contract, and the topics as the brokers have them."""

from functools import cache
from typing import Any, Final

from aiohttp import web

from carbon_stream.contracts.catalog import BY_EVENT_TYPE, TOPICS, Topic
from carbon_stream.contracts.exports import example, schema
from carbon_stream.errors import ProblemError
from carbon_stream.query.parameters import parameters
from carbon_stream.web.problems import json_response
from carbon_stream.web.topic_facts import TopicFacts

TOPIC_FACTS: Final = web.AppKey("topic_facts", TopicFacts)


def routes() -> list[web.RouteDef]:
    """Routes that find TOPIC_FACTS in the application."""
    return [
        web.get("/v1/types", list_types),
        web.get("/v1/types/{eventType}", show_type),
        web.get("/v1/topics", list_topics),
    ]


async def list_types(request: web.Request) -> web.Response:
    """All event types with their topics, in the catalog's order."""
    parameters(request, ())
    return json_response({"types": [_summary(topic) for topic in TOPICS]})


async def show_type(request: web.Request) -> web.Response:
    """One type with its JSON Schema and a valid example."""
    parameters(request, ())
    name = request.match_info["eventType"]
    if name not in BY_EVENT_TYPE:
        raise ProblemError(404, "No such event type", f"{name} is not one of {', '.join(BY_EVENT_TYPE)}")
    return json_response(_detail(name))


async def list_topics(request: web.Request) -> web.Response:
    """The twelve topics as the brokers have them, with what differs from the catalog."""
    parameters(request, ())
    return json_response({"topics": await request.app[TOPIC_FACTS].topics()})


def _summary(topic: Topic) -> dict[str, Any]:
    return {
        "eventType": topic.event_type,
        "topic": topic.name,
        "group": topic.group.value,
        "entity": topic.entity,
        "keyFields": list(topic.key_fields),
        "partitions": topic.partitions,
        "retentionMs": topic.retention_ms,
        "description": topic.description,
    }


@cache
def _detail(event_type: str) -> dict[str, Any]:
    topic = BY_EVENT_TYPE[event_type]
    return {**_summary(topic), "schema": schema(event_type), "example": example(event_type)}
