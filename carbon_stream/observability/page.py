"""`docs/metrics.md`, made from the list of metrics: `python -m carbon_stream.observability.page > docs/metrics.md`."""

from __future__ import annotations

import sys

from carbon_stream.observability.metrics import METRICS

__all__ = ["metrics_page"]

_HEAD = """\
# Metrics

`GET /metrics` answers in Prometheus' text format. With several processes behind one port, whichever is asked answers
for all of them: counters and histograms are summed, of gauges each says what is shown. This page is made from
`carbon_stream/observability/metrics.py`; change that, then
`python -m carbon_stream.observability.page > docs/metrics.md`.

Labels whose values a sender could choose are bounded: what is beyond the bound is `other`.
"""


def metrics_page() -> str:
    """The page in Markdown, with a line end at its end."""
    lines = [_HEAD]
    for metric in METRICS:
        unit = f", {metric.unit}" if metric.unit else ""
        lines.append(f"## {metric.name}\n")
        together = f" Of several processes: {metric.together}." if metric.kind == "gauge" else ""
        lines.append(f"{metric.kind.capitalize()}{unit}. {metric.meaning}{together}\n")
        lines += [f"- `{label}`: {meaning}" for label, meaning in metric.labels.items()]
        if metric.labels:
            lines.append("")
        if metric.buckets:
            lines.append(f"Buckets: {', '.join(f'{bound:g}' for bound in metric.buckets)}.\n")
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
