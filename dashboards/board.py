"""How a dashboard of ours is put together: variables, links to the others, panels of two widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import VizOrientation

_Made = stat.Panel | timeseries.Panel | bargauge.Panel | statetimeline.Panel
TAG = "carbon-stream"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
VARIABLES = {
    "namespace": "label_values(carbon_stream_service_health_status, namespace)",
    "service": 'label_values(carbon_stream_service_health_status{namespace=~"$namespace"}, service)',
    "topic": "label_values(carbon_stream_topic_partitions, topic)",
}
"""Grafana's variables and the query that fills each."""


Kind = Literal["timeseries", "stat", "bars", "states"]
STATES = (("HEALTHY", "green"), ("DEGRADED", "yellow"), ("UNKNOWN", "text"), ("UNHEALTHY", "red"))
"""What the numbers 0 to 3 stand for in a panel of states."""
CHANGES = {"deployment": ("Deployments", "blue"), "configuration": ("Configuration changes", "purple")}
"""Annotations: the kinds of changes, with their names and colours."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` maps a legend to an expression; `unit` is Grafana's name of it.

    `thresholds`: from what value on it is yellow, and red; where the first is larger, lower is worse.
    """

    title: str
    description: str
    unit: str
    queries: dict[str, str]
    thresholds: tuple[float, float] | None = None
    kind: Kind = "timeseries"


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; its `uid` is the name of its file."""

    uid: str
    title: str
    description: str
    variables: Sequence[str]
    panels: Sequence[Panel]


def build(board: Board) -> models.Dashboard:
    """The dashboard as Grafana takes it."""
    link = builders.DashboardLink("carbon-stream").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    made = (
        builders.Dashboard(f"carbon-stream: {board.title}")
        .uid(f"carbon-stream-{board.uid}")
        .description(board.description)
        .tags([TAG])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .link(link.as_dropdown(True).keep_time(True).include_vars(True))
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for name in board.variables:
        made = made.with_variable(
            builders.QueryVariable(name)
            .label(name.capitalize())
            .datasource(SOURCE)
            .query(VARIABLES[name])
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .all_value(".*")
            .multi(True)
        )
    for kind in CHANGES:
        made = made.annotation(_annotation(kind))
    stats = sum(panel.kind == "stat" for panel in board.panels)
    for panel in board.panels:
        made = made.with_panel(_panel(panel, stats))
    return made.build()


def quantile(name: str, by: str = "") -> str:
    """The 99th percentile of a histogram of ours, by a label or over all."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.99, sum by ({labels}) (rate(carbon_stream_{name}_bucket[5m])))"


def change_query(kind: str) -> str:
    """Where services changed, within the two minutes before."""
    return f'changes(max by (namespace, service) (carbon_stream_service_changed_timestamp_seconds{{kind="{kind}"}})[2m:15s]) > 0'


def _annotation(kind: str) -> builders.AnnotationQuery:
    name, colour = CHANGES[kind]
    made = builders.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour)
    return made.expr(change_query(kind))


def span(kind: Kind, stats: int) -> int:
    """How many of a row's 24 columns a panel takes; a dashboard's `stats` share one row."""
    return {"stat": 24 // max(stats, 1), "states": 24}.get(kind, 12)


def _blank(kind: Kind) -> _Made:
    if kind == "stat":
        return stat.Panel().height(5)
    if kind == "bars":
        return bargauge.Panel().height(9).orientation(VizOrientation.HORIZONTAL)
    if kind == "states":
        names = {str(n): models.ValueMappingResult(name, colour, None, n) for n, (name, colour) in enumerate(STATES)}
        return statetimeline.Panel().height(10).mappings([models.ValueMap(options=names)])
    return timeseries.Panel().height(8)


def _panel(panel: Panel, stats: int) -> _Made:
    made = _blank(panel.kind).span(span(panel.kind, stats))
    made.title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE)
    made.thresholds(_thresholds(panel.thresholds))
    for number, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().datasource(SOURCE).expr(expression).legend_format(legend)
        made.with_target((query.instant() if panel.kind == "bars" else query).ref_id(chr(65 + number)))
    return made


def _thresholds(limits: tuple[float, float] | None) -> builders.ThresholdsConfig:
    made = builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    if limits is None:
        return made.steps([models.Threshold(None, "green")])
    first, second = limits
    if first < second:
        colours = [(None, "green"), (first, "yellow"), (second, "red")]
    else:
        colours = [(None, "red"), (second, "yellow"), (first, "green")]
    return made.steps([models.Threshold(value, colour) for value, colour in colours])
