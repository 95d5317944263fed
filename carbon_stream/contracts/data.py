"""Payload models of the DATA group: ingestion, quality, lineage, transformation."""

from typing import Annotated, Literal

from annotated_types import MaxLen
from pydantic import BeforeValidator, Field

from carbon_stream.contracts import limits
from carbon_stream.contracts.envelope import Contract, Event
from carbon_stream.contracts.scalars import (
    Count,
    DatasetNames,
    FreeMap,
    Label,
    LatencyMs,
    Location,
    Name,
    Query,
    Ratio,
    Text,
    empty_list,
)


class DataIngestionEvent(Event):
    """A dataset was loaded, wholly, in part, or not at all."""

    dataset_name: Name = Field(description="The dataset that was loaded.")
    record_count: Count = Field(description="Records loaded.")
    size_bytes: Count = Field(description="Bytes loaded.")
    format: Label = Field(description="Format of the data, such as parquet.")
    location: Location = Field(description="Where the data is, such as s3://lake/prices.")
    status: Literal["SUCCESS", "FAILURE", "PARTIAL"] = Field(description="How the load ended.")
    metadata: FreeMap = Field(default_factory=dict, description="Anything else about the load.")


class DataQualityEvent(Event):
    """A quality check ran on a dataset."""

    dataset_name: Name = Field(description="The dataset that was checked.")
    check_type: Label = Field(description="Kind of check, such as completeness.")
    check_name: Label = Field(description="The check.")
    result: Literal["PASS", "FAIL", "WARNING"] = Field(description="What the check found.")
    score: Ratio = Field(description="Share of what was checked that is good, 0 to 1.")
    failed_records: Count = Field(description="Records that failed the check.")
    total_records: Count = Field(description="Records that were checked.")
    message: Text | None = Field(None, description="What a person should know.")


class ColumnMapping(Contract):
    """One column of the target and the column of the source that it comes from."""

    source_column: Label = Field(description="Column of the source dataset.")
    target_column: Label = Field(description="Column of the target dataset.")
    transformation: Text | None = Field(None, description="How the one is made from the other.")


Columns = Annotated[list[ColumnMapping], MaxLen(limits.COLUMNS), BeforeValidator(empty_list)]


class DataLineageEvent(Event):
    """One dataset was made from another: an edge of the lineage graph was seen."""

    source_dataset: Name = Field(description="The dataset that was read.")
    target_dataset: Name = Field(description="The dataset that was written.")
    transformation_type: Literal["COPY", "TRANSFORM", "AGGREGATE", "JOIN", "FILTER"] = Field(
        description="What was done on the way."
    )
    transformation_name: Label = Field(description="The job or statement that did it.")
    query: Query | None = Field(None, description="The statement, where there is one.")
    columns: Columns = Field(default_factory=list, description="Which column comes from which.")


class DataTransformationEvent(Event):
    """A run of a transformation job began or ended."""

    job: Name = Field(description="The job.")
    run: Label | None = Field(None, description="The run of the job.")
    inputs: DatasetNames = Field(default_factory=list, description="Datasets read.")
    outputs: DatasetNames = Field(default_factory=list, description="Datasets written.")
    status: Literal["RUNNING", "SUCCESS", "FAILURE", "PARTIAL", "CANCELLED"] | None = Field(
        None, description="How far the run is, or how it ended."
    )
    duration_ms: LatencyMs | None = Field(None, description="How long the run took, milliseconds.")
    rows_in: Count | None = Field(None, description="Rows read.")
    rows_out: Count | None = Field(None, description="Rows written.")
    message: Text | None = Field(None, description="What a person should know.")
