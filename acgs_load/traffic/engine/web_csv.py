"""How a run stands as CSV, for spreadsheets: what the tabs of the web UI show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from acgs_load.printable import cell
from acgs_load.snapshot import Snapshot


def compliance_csv(snapshot: Snapshot) -> str:
    """What was judged and what was wrong: measures that must be exact, isolation, chain, violations."""
    rows: list[Sequence[object]] = []
    for table, judged in (
        ("measure", snapshot.integrity),
        ("isolation by region", snapshot.isolation),
        ("chain by operation", snapshot.chain),
    ):
        rows += [(table, one.name, "", one.judged, one.wrong, one.integrity, "") for one in judged]
    rows += [("violation", one.kind, one.operation, "", one.count, "", one.first_s) for one in snapshot.violations]
    total = snapshot.total
    rows.append(("measure", "compliance_score", "", total.requests, total.violations, total.compliance, ""))
    return _csv(("table", "name", "operation", "judged", "wrong", "value", "first_s"), rows)


def regions_csv(snapshot: Snapshot) -> str:
    """A row a region: its traffic so far, the last ten seconds, its workers."""
    names = ("requests", "errors", "error_ratio", "throttled", "violations", "compliance", "p50_ms", "p95_ms", "p99_ms")
    rows = []
    for part in snapshot.regions:
        crew = [one for one in snapshot.processes if one.region == part.name and not one.gone]
        worst = (max((one.cpu for one in crew), default=""), max((one.loop_lag_ms for one in crew), default=""))
        total = [getattr(part.total, name) for name in names]
        users = sum(one.users for one in crew)
        rows.append((part.name, *total, part.recent.rps, part.recent.p95_ms, len(crew), users, *worst))
    recent = ("recent_rps", "recent_p95_ms", "workers", "users", "cpu_max", "loop_lag_max_ms")
    return _csv(("region", *names, *recent), rows)


def thresholds_csv(snapshot: Snapshot) -> str:
    """A row a threshold."""
    names = ("expression", "measure", "state", "value", "comparison", "limit", "unit", "margin")
    return _csv(names, ([getattr(one, name) for name in names] for one in snapshot.thresholds))


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow(["" if value is None else cell(value) for value in row])
    return out.getvalue()
