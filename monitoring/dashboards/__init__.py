"""Grafana's dashboards, written as code: ``python -m monitoring.dashboards`` makes the JSON that Grafana reads."""
