"""Constitutional compliance: is what the target answers right, under load."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard

from monitoring.dashboards.frame import frame
from monitoring.dashboards.load import CHOSEN, TRAFFIC
from monitoring.dashboards.panels import COUNT, GREEN, RATE, RED, SHARE, Asked, bars, graph, rows, tile

EXACT = {
    "Hash consistency": "hash_consistency",
    "Tenant isolation": "isolation_integrity",
    "Audit chain": "chain_integrity",
    "Proofs": "proof_correctness",
    "Decisions": "decision_correctness",
    "Signatures": "signature_correctness",
    "Durability": "durability",
    "Read consistency": "read_consistency",
}
"""Measures that must be exactly 1."""


def page() -> Dashboard:
    """Score, violations, and each promise of the constitution by itself."""
    about = "Every answer is checked. These figures are of the whole run so far, as the report will have them."
    made = frame("acgs-compliance", "ACGS · Constitutional compliance", about)
    for title, measure in EXACT.items():
        told = Asked(f'min(acgs_load_measure_ratio{{run=~"$run", measure="{measure}"}})')
        made = made.with_panel(tile(title, "Must be 100 %.", "percentunit", told, {-1.0: RED, 1.0: GREEN}))
    for panel in (*_score(), *_violations(), *_proofs()):
        made = made.with_panel(panel)
    return made


def _score() -> list[Any]:
    scores = "sum by ({}) (rate(acgs_load_compliance_score_{}{{" + TRAFFIC + "}}[$__rate_interval]))"
    by_scenario = f"{scores.format('scenario', 'sum')} / {scores.format('scenario', 'count')}"
    return [
        graph(
            "Compliance score",
            "Mean of the answers' scores in the whole run; an answer with a violation scores 0.",
            SHARE,
            Asked('acgs:compliance_score{run=~"$run"}', "{{run}}"),
        ),
        graph("Score by scenario", "Of the last seconds.", SHARE, Asked(by_scenario, "{{scenario}}")),
    ]


def _violations() -> list[Any]:
    found = f"acgs_load_violations_total{{{CHOSEN}}}"
    return [
        graph("Violations", "In the run so far, by kind.", COUNT, Asked(f"sum by (kind) ({found})", "{{kind}}")),
        graph(
            "Violations a second",
            "By operation.",
            RATE,
            Asked(f"sum by (operation) (rate({found}[$__rate_interval]))", "{{operation}}"),
        ),
        rows(
            "Where",
            "Answers with a violation; examples are in the report.",
            {"answers": Asked(f"sum by (run, kind, operation, region) ({found}) > 0 or sum by (run) ({found})")},
            {},
            width=12,
        ),
        bars(
            "What the measures rest on",
            "Answers or requests that could have shown a fault.",
            COUNT,
            Asked('sum by (measure) (acgs_load_judged_total{run=~"$run"})', "{{measure}}"),
        ),
    ]


def _proofs() -> list[Any]:
    cross = f'acgs_load_requests_total{{{CHOSEN}, operation="cross_tenant_access_attempt"}}'
    chain = f'acgs_load_requests_total{{{CHOSEN}, operation=~"audit_create|audit_verify|chain_verify"}}'
    return [
        graph(
            "Proofs without a verdict",
            "Share of the whole run.",
            SHARE,
            Asked('acgs_load_measure_ratio{run=~"$run", measure="proofs_unknown_ratio"}', "{{run}}"),
        ),
        graph(
            "Attempts and audits",
            "Requests a second that put isolation and the audit chain to the test, by outcome.",
            RATE,
            Asked(f"sum by (outcome) (rate({cross}[$__rate_interval]))", "across tenants: {{outcome}}"),
            Asked(f"sum by (operation) (rate({chain}[$__rate_interval]))", "{{operation}}"),
        ),
    ]
