"""How a dashboard of ours is put together: variables, links to the others, panels of two widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.models import dashboard as models

TAG = "carbon-stream"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
VARIABLES = {
    "namespace": "label_values(carbon_stream_service_health_status, namespace)",
    "service": 'label_values(carbon_stream_service_health_status{namespace=~"$namespace"}, service)',
    "topic": "label_values(carbon_stream_topic_partitions, topic)",
}
"""Grafana's variables and the query that fills each."""


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
    is_stat: bool = False


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
    for panel in board.panels:
        made = made.with_panel(_panel(panel))
    return made.build()


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel = (
        stat.Panel().span(6).height(5) if panel.is_stat else timeseries.Panel().span(12).height(8)
    )
    made.title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE)
    made.thresholds(_thresholds(panel.thresholds))
    for number, (legend, expression) in enumerate(panel.queries.items()):
        made.with_target(
            prometheus.Dataquery().datasource(SOURCE).expr(expression).legend_format(legend).ref_id(chr(65 + number))
        )
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
