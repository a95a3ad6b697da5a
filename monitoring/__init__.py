"""What watches a run from outside: Prometheus, its rules, and Grafana."""
