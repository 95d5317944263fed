"""The service's own OpenAPI document, with what is known of a demo day, for tests that make requests out of it."""

from typing import Any

from carbon_stream.demo.cast import DASHBOARD, PEOPLE, SERVICES
from carbon_stream.ingest.repeats.request_keys import HEADER
from tests.support.service import Service

KNOWN = {
    "dataset": DASHBOARD,
    "name": DASHBOARD,
    "namespace": SERVICES[0].namespace,
    "service": SERVICES[0].name,
    "eventType": "AuditAPICallEvent",
    "user": PEOPLE[0].user_id,
    "cursor": "0.0",
}
"""Values of parameters that something is known of, so that answers have something in them."""


def document_with_examples(service: Service, types: int | None = None) -> dict[str, Any]:
    """The service's own document, with known values as examples; `types` leaves out all but so many event types."""
    document: dict[str, Any] = service.get("/openapi.json")
    for path in document["paths"].values():
        for operation in path.values():
            # no schema can say that a key is good for one request only
            operation["parameters"] = [p for p in operation["parameters"] if p["name"] != HEADER]
            for parameter in operation["parameters"]:
                if parameter["name"] in KNOWN and path is not document["paths"].get("/v1/audit/events"):
                    parameter["example"] = KNOWN[parameter["name"]]
    if types is not None:
        for name in ("Event", "CloudEvent"):
            event = document["components"]["schemas"][name]
            event["oneOf"] = event["oneOf"][:types]
    return document


def only_for_a_second(stream: dict[str, Any]) -> None:
    """Makes the operation of the live tail one that ends."""
    for parameter in stream["parameters"]:
        if parameter["name"] == "seconds":
            parameter |= {"required": True, "schema": {"const": 1}}
    # a type that is not on the topic is refused, which no schema can say
    stream["parameters"] = [parameter for parameter in stream["parameters"] if parameter["name"] != "topic"]
