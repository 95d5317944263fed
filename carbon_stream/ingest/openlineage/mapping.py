"""From an OpenLineage event to events of the contract. Pure.

- One DataTransformationEvent for every RunEvent and JobEvent, with the whole event, facets included, in `openLineage`.
  A DatasetEvent, which has no job, has one too, of the job STATIC, which reads and writes nothing.
- A DataLineageEvent for every pair of an input and an output, and for every dataset that an output's column lineage
  names. The transformation type is always TRANSFORM: one edge for a job, whatever its single events know of it.
- A DataIngestionEvent for every output with statistics, when the run has ended: earlier ones would count twice.
- A DataQualityEvent for every assertion, and for every column whose metrics tell how many values it lacks.

An id is derived from the run, the kind and the datasets of an event, and from a digest of what was sent: the same event
again gives the same ids in whatever order, and other events give others.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import product
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from carbon_stream.contracts import limits
from carbon_stream.contracts.cloudevents import milliseconds
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.contracts.invalid import TOO_LARGE
from carbon_stream.ingest.openlineage import facets
from carbon_stream.ingest.openlineage.models import Dataset, DatasetEvent, JobEvent, LineageEvent, RunEvent

__all__ = ["EDGES_MAX", "STATIC", "events_of"]

STATIC: Final = "openlineage/dataset-event"
"""The job of events that have none."""
EDGES_MAX: Final = 5_000
"""Edges of one event; each is an event of its own."""
_EDGE_QUERY_CHARS: Final = 2_000
"""As much of the statement as the graph keeps; the transformation's event has it whole."""
_IDS: Final = UUID("3f0bd1a6-6f3c-5b43-9d0c-2b7f6f1f6a11")
_STATUS: Final = {
    "START": "RUNNING",
    "RUNNING": "RUNNING",
    "COMPLETE": "SUCCESS",
    "FAIL": "FAILURE",
    "ABORT": "CANCELLED",
}
_LOADED: Final = {"COMPLETE": "SUCCESS", "FAIL": "FAILURE", "ABORT": "PARTIAL"}

Event = dict[str, Any]


def events_of(document: Mapping[str, Any], event: LineageEvent) -> list[Event]:
    """The events of one document. Raises Invalid for one with more than EDGES_MAX edges."""
    mapping = _Mapping(document, event)
    return [mapping.transformation(), *mapping.edges(), *mapping.loads(), *mapping.checks()]


class _Mapping:
    def __init__(self, document: Mapping[str, Any], event: LineageEvent) -> None:
        self._document = document
        self._run = event.run if isinstance(event, RunEvent) else None
        self._state = event.event_type if isinstance(event, RunEvent) else None
        self._job = event.job if isinstance(event, JobEvent) else None
        self._inputs: list[Dataset] = (event.inputs or []) if isinstance(event, JobEvent) else []
        self._outputs: list[Dataset] = (event.outputs or []) if isinstance(event, JobEvent) else []
        self._static = [event.dataset] if isinstance(event, DatasetEvent) else []
        run_id = self._run.run_id.lower() if self._run else ""
        digest = sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
        self._identity = [run_id, self._state or "", digest]
        self._common: Event = {"timestamp": milliseconds(event.event_time), "source": event.producer}
        if self._run:
            self._common["correlationId"] = facets.flow(self._run)
        self._job_name = self._job.full_name if self._job else STATIC

    def _event(self, event_type: str, *names: str | int, **fields: Any) -> Event:
        identity = orjson.dumps([*self._identity, event_type, *names]).decode()
        kept = {name: value for name, value in fields.items() if value is not None}
        return {"eventId": str(uuid5(_IDS, identity)), "eventType": event_type, **self._common, **kept}

    def transformation(self) -> Event:
        failure = facets.facet(self._run.facets, "errorMessage") if self._run else {}
        return self._event(
            "DataTransformationEvent",
            job=self._job_name,
            run=self._run.run_id if self._run else None,
            inputs=_names(self._inputs),
            outputs=_names(self._outputs),
            status=_STATUS.get(self._state or ""),
            rowsIn=_sum(self._inputs, "inputStatistics"),
            rowsOut=_sum(self._outputs, "outputStatistics"),
            message=facets.text(failure, "message", limits.TEXT_CHARS),
            openLineage=self._document,
        )

    def edges(self) -> list[Event]:
        columns: dict[tuple[str, str], list[dict[str, str]]] = {}
        for source, target in product(_names(self._inputs), _names(self._outputs)):
            columns[source, target] = []
            _check_number(columns)
        for output in (*self._outputs, *self._static):
            for use in facets.column_uses(output):
                found = columns.setdefault((use.dataset, output.full_name), [])
                _check_number(columns)
                if use.target is not None:
                    pair = {"sourceColumn": use.column, "targetColumn": use.target}
                    found.append(pair | ({"transformation": use.how} if use.how else {}))
        query = facets.query_of(self._job) if self._job else None
        return [
            self._event(
                *("DataLineageEvent", source, target),
                sourceDataset=source,
                targetDataset=target,
                transformationType="TRANSFORM",
                transformationName=self._job_name,
                query=query[:_EDGE_QUERY_CHARS] if query else None,
                columns=pairs,
            )
            for (source, target), pairs in columns.items()
        ]

    def loads(self) -> Iterator[Event]:
        status = _LOADED.get(self._state or "")
        for output in _once(self._outputs) if status else ():
            statistics = facets.facet(output.output_facets, "outputStatistics")
            rows, size = facets.count(statistics, "rowCount"), facets.count(statistics, "size")
            if rows is None and size is None:
                continue
            kind = facets.text(facets.facet(output.facets, "storage"), "fileFormat", limits.NAME_CHARS)
            place = facets.text(facets.facet(output.facets, "dataSource"), "uri", limits.LOCATION_CHARS)
            more = {"job": self._job_name, "run": self._identity[0], "fileCount": facets.count(statistics, "fileCount")}
            yield self._event(
                *("DataIngestionEvent", output.full_name),
                datasetName=output.full_name,
                recordCount=rows or 0,
                sizeBytes=size or 0,
                format=kind or "unknown",
                location=place or output.full_name,
                status=status,
                metadata={name: value for name, value in more.items() if value is not None},
            )

    def checks(self) -> Iterator[Event]:
        for dataset in _once([*self._inputs, *self._outputs, *self._static]):
            total = facets.rows_evaluated(dataset) or 0
            for number, check in enumerate(facets.assertions(dataset)):
                warned = (check.severity or "").lower().startswith("warn")
                yield self._event(
                    *("DataQualityEvent", dataset.full_name, check.name, number),
                    datasetName=dataset.full_name,
                    checkType=check.kind,
                    checkName=check.name,
                    result="PASS" if check.success else "WARNING" if warned else "FAIL",
                    score=1.0 if check.success else 0.0,
                    failedRecords=0,
                    totalRecords=total,
                    message=check.message,
                )
            for column, nulls, rows in facets.completeness(dataset):
                yield self._event(
                    *("DataQualityEvent", dataset.full_name, "completeness", column),
                    datasetName=dataset.full_name,
                    checkType="completeness",
                    checkName=f"completeness({column})",
                    result="PASS",
                    score=1.0 - nulls / rows,
                    failedRecords=nulls,
                    totalRecords=rows,
                    message="measured; OpenLineage's metrics have no threshold",
                )


def _names(datasets: list[Dataset]) -> list[str]:
    return list(dict.fromkeys(dataset.full_name for dataset in datasets))


def _once(datasets: list[Dataset]) -> list[Dataset]:
    """Each dataset's first mention that has the most to say: facets of further ones are kept, not used."""
    found: dict[str, Dataset] = {}
    for dataset in datasets:
        known = found.get(dataset.full_name)
        if known is None or not (known.facets or known.input_facets or known.output_facets):
            found[dataset.full_name] = dataset
    return list(found.values())


def _sum(datasets: list[Dataset], name: str) -> int | None:
    """Rows of all datasets whose statistics say how many."""
    counts = [
        rows
        for dataset in datasets
        for rows in (facets.count(facets.facet(dataset.input_facets or dataset.output_facets, name), "rowCount"),)
        if rows is not None
    ]
    return min(sum(counts), limits.INT64_MAX) if counts else None


def _check_number(edges: Mapping[Any, Any]) -> None:
    if len(edges) > EDGES_MAX:
        message = f"an event may have {EDGES_MAX:,} pairs of an input and an output"
        raise Invalid(TOO_LARGE, (FieldError("", TOO_LARGE, message),))
