"""The facets that we use, read tolerantly: what is not as the specification has it is kept with the event, not used."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from carbon_stream.contracts import limits
from carbon_stream.ingest.openlineage.models import Dataset, Facet, Job, Run

__all__ = ["Assertion", "ColumnUse", "assertions", "column_uses", "completeness", "count", "facet", "flow", "text"]

_ASSERTIONS: Final = "dataQualityAssertions"
_METRICS: Final = "dataQualityMetrics"


class ColumnUse(NamedTuple):
    """A column of `dataset` (its full name) that a column of ours is made from; None where all of ours are."""

    dataset: str
    column: str
    target: str | None
    how: str | None


class Assertion(NamedTuple):
    """One check of a dataset. `severity` is as the sender says it."""

    kind: str
    name: str
    success: bool
    severity: str | None
    message: str | None


def facet(facets: Mapping[str, Facet] | None, name: str) -> Mapping[str, Any]:
    """A facet's members; nothing where it is absent or deleted."""
    found = (facets or {}).get(name)
    members = found.model_extra or {} if found is not None else {}
    return {} if members.get("_deleted") is True else members


def text(members: Mapping[str, Any], name: str, chars_max: int) -> str | None:
    """A member that is a string and not empty, cut off at a length."""
    value = members.get(name)
    return value[:chars_max] if isinstance(value, str) and value else None


def count(members: Mapping[str, Any], name: str) -> int | None:
    """A member that is a whole number from 0 on."""
    value = members.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limits.INT64_MAX
    return value if right else None


def column_uses(dataset: Dataset) -> Iterator[ColumnUse]:
    """Which columns a dataset's columns are made from (its facet columnLineage)."""
    members = facet(dataset.facets, "columnLineage")
    for target, made in _objects(members.get("fields")):
        described = text(made, "transformationDescription", limits.TEXT_CHARS)
        described = described or text(made, "transformationType", limits.TEXT_CHARS)
        for used in _list(made.get("inputFields")):
            yield from _use(used, target, described)
    for used in _list(members.get("dataset")):
        yield from _use(used, None, None)


def _use(used: Mapping[str, Any], target: str | None, described: str | None) -> Iterator[ColumnUse]:
    namespace, name, column = (text(used, part, limits.NAME_CHARS + 1) for part in ("namespace", "name", "field"))
    if namespace is None or name is None or column is None:
        return
    dataset = f"{namespace.rstrip('/')}/{name.lstrip('/')}"
    if max(len(dataset), len(column), len(target or "")) <= limits.NAME_CHARS:
        yield ColumnUse(dataset, column, target, _how(used) or described)


def _how(used: Mapping[str, Any]) -> str | None:
    steps = []
    for step in _list(used.get("transformations")):
        words = [word for part in ("type", "subtype", "description") if (word := text(step, part, limits.NAME_CHARS))]
        masked = ["masked"] if step.get("masking") is True else []
        if words or masked:
            steps.append(" ".join([*words, *masked]))
    return "; ".join(steps)[: limits.TEXT_CHARS] or None


def assertions(dataset: Dataset) -> Iterator[Assertion]:
    """The checks of a dataset, wherever its sender puts them."""
    for facets in (dataset.input_facets, dataset.output_facets, dataset.facets):
        for one in _list(facet(facets, _ASSERTIONS).get("assertions")):
            kind, success = text(one, "assertion", limits.NAME_CHARS), one.get("success")
            if kind is None or not isinstance(success, bool):
                continue
            column = text(one, "column", limits.NAME_CHARS)
            name = text(one, "name", limits.NAME_CHARS) or (f"{kind}({column})" if column else kind)
            said = [text(one, "description", limits.TEXT_CHARS // 4)]
            said += [
                f"{part} {value}"
                for part in ("expected", "actual")
                if (value := text(one, part, limits.TEXT_CHARS // 4)) is not None
            ]
            message = "; ".join(part for part in said if part) or None
            severity = text(one, "severity", limits.NAME_CHARS)
            yield Assertion(kind, name[: limits.NAME_CHARS], success, severity, message)


def rows_evaluated(dataset: Dataset) -> int | None:
    """How many rows quality metrics were taken of."""
    found = (count(facet(facets, _METRICS), "rowCount") for facets in (dataset.input_facets, dataset.facets))
    return next((rows for rows in found if rows is not None), None)


def completeness(dataset: Dataset) -> Iterator[tuple[str, int, int]]:
    """Column, rows without a value, and rows, where quality metrics say both."""
    for facets in (dataset.input_facets, dataset.facets):
        members = facet(facets, _METRICS)
        rows = count(members, "rowCount")
        for column, metrics in _objects(members.get("columnMetrics")):
            nulls = count(metrics, "nullCount")
            if rows and nulls is not None and nulls <= rows and len(column) <= limits.NAME_CHARS - 20:
                yield column, nulls, rows
        if members:
            return  # the facet of the dataset would say the same again


def flow(run: Run) -> str:
    """The run that a run is a part of in the end: the root, else the parent, else itself."""
    parent = facet(run.facets, "parent")
    for holder in (parent.get("root"), parent):
        inner = holder.get("run") if isinstance(holder, dict) else None
        run_id = text(inner, "runId", limits.NAME_CHARS) if isinstance(inner, dict) else None
        if run_id is not None:
            return run_id
    return run.run_id


def query_of(job: Job) -> str | None:
    """The job's statement."""
    return text(facet(job.facets, "sql"), "query", limits.QUERY_CHARS)


def _list(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _objects(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name and isinstance(item, dict):
                yield name, item
