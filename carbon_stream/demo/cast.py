"""Who and what appears in the demo: services, people, datasets, and how the datasets come from one another."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Service:
    """A service with its usual latency in ms, its endpoints, and the version that it runs."""

    name: str
    namespace: str
    latency_ms: float
    version: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the platform. Those with few rights are denied more often."""

    user_id: str
    username: str
    denied_share: float


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge of the lineage graph: what makes `target` out of `source`, and from which columns which."""

    source: str
    target: str
    kind: str
    name: str
    columns: tuple[tuple[str, str, str | None], ...]


SERVICES: Final = (
    Service("datahub-gms", "data-platform", 38.0, "0.14.1", ("/entities", "/aspects", "/api/graphql")),
    Service("datahub-frontend", "data-platform", 55.0, "0.14.1", ("/", "/login")),
    Service("trino-coordinator", "data-platform", 420.0, "458", ("/v1/statement", "/v1/query", "/v1/info")),
    Service("trino-worker", "data-platform", 12.0, "458", ("/v1/task",)),
    Service("superset-web", "data-platform", 140.0, "4.1.1", ("/api/v1/chart/data", "/api/v1/dashboard", "/login")),
    Service("superset-worker", "data-platform", 25.0, "4.1.1", ("/ping",)),
    Service("dolphinscheduler-api", "data-platform", 60.0, "3.2.2", ("/projects", "/process-instances")),
    Service("mlflow-service", "data-platform", 30.0, "2.18.0", ("/api/2.0/mlflow/runs/log-metric",)),
    Service("iceberg-rest-catalog", "data-platform", 18.0, "1.7.0", ("/v1/namespaces", "/v1/config")),
    Service("portal-services", "data-platform", 22.0, "2.9.3", ("/api/services/status", "/api/services/search")),
    Service("kong", "kong", 4.0, "3.8.0", ("/status",)),
    Service("kube-prometheus-stack-grafana", "monitoring", 33.0, "11.3.0", ("/api/dashboards", "/api/ds/query")),
)
VICTIMS: Final = ("trino-coordinator", "superset-web", "datahub-gms")
"""Services that a deployment breaks, one after the other."""

PEOPLE: Final = (
    Person("u-1001", "amara.osei", 0.01),
    Person("u-1002", "ben.keller", 0.02),
    Person("u-1003", "chiara.rossi", 0.01),
    Person("u-1004", "dmitri.volkov", 0.05),
    Person("u-1005", "elif.kaya", 0.02),
    Person("u-1006", "farid.haddad", 0.02),
    Person("u-1007", "grace.liu", 0.01),
    Person("u-1008", "hugo.martin", 0.25),
    Person("svc-airbyte", "svc-airbyte", 0.0),
    Person("svc-dbt", "svc-dbt", 0.0),
)
ADMINS: Final = (PEOPLE[0], PEOPLE[6])

ADDRESSES: Final = ("10.20.4.17", "10.20.4.33", "10.20.9.8", "10.31.0.5", "2001:db8:20::7", "unknown")
AGENTS: Final = ("python-requests/2.32.3", "trino-cli/458", "Mozilla/5.0 (X11; Linux x86_64) Firefox/132.0", None)

TRADES: Final = "s3://lake/raw/trades"
WEATHER: Final = "s3://lake/raw/weather"
DASHBOARD: Final = "superset/dashboards/carbon-exposure"
HOPS: Final = (
    Hop(
        TRADES,
        "s3://lake/clean/trades",
        "FILTER",
        "drop-cancelled-trades",
        (("trade_id", "trade_id", None), ("px", "price", "cast(px as decimal(18,6))"), ("qty", "volume", None)),
    ),
    Hop(
        "s3://lake/clean/trades",
        "iceberg/curated/trades_hourly",
        "AGGREGATE",
        "trades-by-hour",
        (("price", "price_avg", "avg(price)"), ("volume", "volume_sum", "sum(volume)")),
    ),
    Hop(
        WEATHER, "s3://lake/clean/weather", "TRANSFORM", "normalise-weather", (("temp_k", "temp_c", "temp_k - 273.15"),)
    ),
    Hop(
        "s3://lake/clean/weather",
        "iceberg/curated/weather_hourly",
        "AGGREGATE",
        "weather-by-hour",
        (("temp_c", "temp_c_avg", "avg(temp_c)"),),
    ),
    Hop(
        "iceberg/curated/trades_hourly",
        "iceberg/marts/carbon_exposure",
        "JOIN",
        "carbon-exposure",
        (("price_avg", "exposure_eur", "price_avg * volume_sum"), ("volume_sum", "exposure_eur", None)),
    ),
    Hop(
        "iceberg/curated/weather_hourly",
        "iceberg/marts/carbon_exposure",
        "JOIN",
        "carbon-exposure",
        (("temp_c_avg", "temperature", None),),
    ),
    Hop(
        "iceberg/marts/carbon_exposure",
        DASHBOARD,
        "COPY",
        "dashboard-extract",
        (("exposure_eur", "Exposure (EUR)", None), ("temperature", "Temperature", None)),
    ),
)
DATASETS: Final = tuple(dict.fromkeys(name for hop in HOPS for name in (hop.source, hop.target)))
RAW: Final = (TRADES, WEATHER, "s3://lake/raw/quotes", "s3://lake/raw/meter-readings")
"""What is ingested from outside; the last two feed nothing yet."""
