"""The envelope that every event has around its payload, in one flat JSON object."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from carbon_stream.contracts.scalars import DEFAULT_VERSION, EventId, Label, Name, TimestampMs, Version


class Contract(BaseModel):
    """A JSON object of the contract: attributes in snake_case, JSON names in camelCase, extra fields kept."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="allow",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )


class Event(Contract):
    """The envelope; an event type adds its payload's fields."""

    event_id: EventId | None = Field(
        None, description="Identity of the event, usually a UUID; a repeat of source and eventId is the same event."
    )
    event_type: Label = Field(description="The type of the event, one of the twelve.")
    timestamp: TimestampMs | None = Field(None, description="Event time, milliseconds since the epoch, UTC.")
    source: Name = Field(description="The service that produced the event.")
    version: Version = Field(DEFAULT_VERSION, description="Version of the event's contract.")
    correlation_id: Label | None = Field(None, description="The flow that the event belongs to.")
    causation_id: Label | None = Field(None, description="The eventId of the event that caused this one.")
    context: Any = Field(None, description="What ingest knows of an event that came by HTTP; any JSON value.")
