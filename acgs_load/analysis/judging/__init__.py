"""From tables to findings: thresholds, trust, breaking point, recovery, drift."""
