"""What rules send on, and what becomes of it at the endpoints that it is for."""

from __future__ import annotations

from dashboards.board import Board, Panel, quantile

ROUTING = Board(
    "routing",
    "Routing",
    "What rules match and send on, to topics and to URLs.",
    ["topic"],
    [
        Panel(
            "Rules in force",
            "The least of the workers.",
            "short",
            {"": "min(carbon_stream_rules_in_force)"},
            kind="stat",
        ),
        Panel(
            "File of rules refused",
            "Yes: a worker goes on with the rules before it; its log says why.",
            "bool_yes_no",
            {"": "max(carbon_stream_rules_refused)"},
            (0.5, 1),
            kind="stat",
        ),
        Panel(
            "Circuits open",
            "Endpoints that are given time to recover.",
            "short",
            {"": "sum(max by (endpoint) (carbon_stream_endpoint_circuit_open)) or vector(0)"},
            (1, 3),
            kind="stat",
        ),
        Panel(
            "Not delivered, last hour",
            "Events that became dead letters: an endpoint refused them, or they had waited for too long.",
            "short",
            {"": 'sum(increase(carbon_stream_deliveries_total{result=~"refused|expired"}[1h])) or vector(0)'},
            (1, 100),
            kind="stat",
        ),
        Panel(
            "Matched by rule",
            "By what became of it: sent, or why nothing was sent.",
            "cps",
            {"{{rule}} {{result}}": "sum by (rule, result) (rate(carbon_stream_rule_events_total[5m]))"},
        ),
        Panel(
            "Sent on",
            "To topics and outboxes, by the stage that did, in its own transactions.",
            "cps",
            {
                "{{stage}} to {{topic}}": 'sum by (stage, topic) (rate(carbon_stream_forwarded_events_total{topic=~"$topic"}[5m]))'
            },
        ),
        Panel(
            "Deliveries",
            "Requests to endpoints, by what came of them.",
            "cps",
            {"{{endpoint}} {{result}}": "sum by (endpoint, result) (rate(carbon_stream_deliveries_total[5m]))"},
        ),
        Panel(
            "Answers of endpoints, 99th percentile",
            "One request, to the end of its answer.",
            "s",
            {"{{endpoint}}": quantile("delivery_duration_seconds", "endpoint")},
            (1, 5),
        ),
        Panel(
            "Waiting in the outboxes",
            "Age of the oldest event that an endpoint has not taken.",
            "s",
            {"{{endpoint}}": "max by (endpoint) (carbon_stream_outbox_oldest_seconds)"},
            (300, 900),
        ),
    ],
)
