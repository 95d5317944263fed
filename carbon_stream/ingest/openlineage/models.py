"""The events of OpenLineage, as its specification has them (2-0-2); members that it does not name are kept.

The specification's facets are open: each must name its producer and schema, and nothing else is asked of it here. null
counts as absent.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from carbon_stream.contracts import limits
from carbon_stream.contracts.cloudevents import milliseconds
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.contracts.invalid import INVALID
from carbon_stream.contracts.validation import field_errors

__all__ = ["Dataset", "DatasetEvent", "Job", "JobEvent", "LineageEvent", "RunEvent", "State", "parse_event"]

State = Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]


def _is_time(value: str) -> str:
    at = milliseconds(value)
    if at is None:
        raise PydanticCustomError("time", "must be a time as RFC 3339 has it, with its zone")
    if at < limits.TIMESTAMP_MIN_MS:
        raise PydanticCustomError("timestamp", "must not be before 1973")
    return value


Text = Annotated[str, Strict(), Field(min_length=1)]
Name = Annotated[str, Strict(), Field(min_length=1, max_length=limits.NAME_CHARS)]
Time = Annotated[str, Strict(), AfterValidator(_is_time)]
RunId = Annotated[str, Strict(), Field(pattern=r"^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Facet(_Model):
    """Any facet."""

    producer: Text = Field(alias="_producer")
    schema_url: Text = Field(alias="_schemaURL")


Facets = dict[str, Facet] | None


class _Named(_Model):
    namespace: Name
    name: Name
    facets: Facets = None

    @property
    def full_name(self) -> str:
        """Namespace and name, joined by one slash."""
        return f"{self.namespace.rstrip('/')}/{self.name.lstrip('/')}"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.full_name) > limits.NAME_CHARS:
            message = f"namespace and name together may have {limits.NAME_CHARS:,} characters"
            raise PydanticCustomError("too-long", message)
        return self


class Job(_Named):
    """A job."""


class Dataset(_Named):
    """A dataset that is read, written, or described."""

    input_facets: Facets = Field(None, alias="inputFacets")
    output_facets: Facets = Field(None, alias="outputFacets")


class Run(_Model):
    """A run of a job."""

    run_id: RunId = Field(alias="runId")
    facets: Facets = None


Datasets = Annotated[list[Dataset], Field(max_length=limits.DATASETS)] | None


class LineageEvent(_Model):
    """What all events have."""

    event_time: Time = Field(alias="eventTime")
    producer: Name
    schema_url: Text = Field(alias="schemaURL")


class JobEvent(LineageEvent):
    """What is known of a job, apart from any run."""

    job: Job
    inputs: Datasets = None
    outputs: Datasets = None


class RunEvent(JobEvent):
    """How far a run is."""

    run: Run
    event_type: State | None = Field(None, alias="eventType")


class DatasetEvent(LineageEvent):
    """What is known of a dataset, apart from any job."""

    dataset: Dataset


def parse_event(document: dict[str, Any]) -> LineageEvent:
    """The event that a document is; Invalid with a pointer to each member that is wrong."""
    kind: type[LineageEvent] = JobEvent
    if document.get("job") is None and document.get("dataset") is not None:
        kind = DatasetEvent
    elif document.get("run") is not None:
        kind = RunEvent
    elif document.get("job") is None:
        message = "is required, unless the event is one of a dataset"
        raise Invalid(INVALID, (FieldError("/job", "missing", message),))
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise Invalid(INVALID, field_errors(error)) from None
