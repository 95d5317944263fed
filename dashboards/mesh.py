"""The gateway's and the mesh's own metrics beside our counts. Their names are Kong's (3.x) and Istio's (1.20)."""

from __future__ import annotations

from dashboards.board import Board, Panel

MESH = Board(
    "mesh",
    "Gateway and mesh",
    "What Kong and Istio saw, beside what was audited.",
    ["namespace"],
    [
        Panel(
            "Kong: requests by service",
            "What the gateway served.",
            "reqps",
            {"{{service}} {{code}}": "sum by (service, code) (rate(kong_http_requests_total[5m]))"},
        ),
        Panel(
            "Audited API calls",
            "What arrived of it as audit events.",
            "cps",
            {
                "audited": 'sum(rate(carbon_stream_events_total{topic="audit-api-calls",path="kafka",result="applied"}[5m]))'
            },
        ),
        Panel(
            "Kong: latency of upstreams, 99th percentile",
            "Milliseconds, by service.",
            "ms",
            {
                "{{service}}": "histogram_quantile(0.99, sum by (le, service) (rate(kong_upstream_latency_ms_bucket[5m])))"
            },
            (500, 2_000),
        ),
        Panel(
            "Istio: requests by workload",
            "What sidecars saw at their destination.",
            "reqps",
            {
                "{{destination_workload}} {{response_code}}": 'sum by (destination_workload, response_code) (rate(istio_requests_total{reporter="destination",destination_workload_namespace=~"$namespace"}[5m]))'
            },
        ),
        Panel(
            "Istio: latency, 99th percentile",
            "Milliseconds, by workload.",
            "ms",
            {
                "{{destination_workload}}": 'histogram_quantile(0.99, sum by (le, destination_workload) (rate(istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace=~"$namespace"}[5m])))'
            },
            (500, 2_000),
        ),
        Panel(
            "Istio: connections by policy",
            "Requests by whether they came over mutual TLS: what is left before STRICT.",
            "reqps",
            {
                "{{connection_security_policy}}": 'sum by (connection_security_policy) (rate(istio_requests_total{reporter="destination",destination_workload_namespace=~"$namespace"}[5m]))'
            },
        ),
        Panel(
            "Istio: proxies connected",
            "Sidecars that have a connection to istiod; the platform has 23 pods with one.",
            "short",
            {"connected": "sum(pilot_xds)"},
            (23, 22),
        ),
    ],
)
