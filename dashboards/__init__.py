"""What operators look at in Grafana, as code: `python -m dashboards` writes deploy/grafana. Never part of the wheel."""
