"""How a run stands on a terminal: a snapshot laid out for the room there is, the important first."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from acgs_load.analysis.wording import at_text
from acgs_load.live_spark import progress_bar, sparkline
from acgs_load.live_tables import (
    compact,
    parts_table,
    percent,
    regions_table,
    shortest_first,
    standings_table,
    summary_of,
)
from acgs_load.snapshot import Figures, Snapshot

WIDE = 130
"""From this width on, thresholds stand beside the figures."""
AIRY = 30
"""From this height on there are lines to spare for blank ones."""
LABEL_WIDTH = 12
PHASES = {"ending": "ending: users finish what they began", "ended": "ended"}


def screen(snapshot: Snapshot, width: int, height: int, compliance: bool = True) -> RenderableType:
    """The view for a terminal of that size; what does not fit is left out, the least important first."""
    gap: list[RenderableType] = [Text()] if height >= AIRY else []
    head = [_title(snapshot, width), _progress(snapshot, width), *gap]
    room = height - len(head)
    if width >= WIDE:
        left_width = width * 55 // 100
        figures = [*_figures(snapshot, left_width, compliance), *gap]
        left = [*figures, *(table for _, table in _tables(snapshot, room - len(figures), compliance))]
        right = standings_table(shortest_first(snapshot.thresholds, room - 1), 1)
        beside = Table.grid(padding=(0, 3), expand=True)
        beside.add_column(width=left_width)
        beside.add_column(ratio=1)
        beside.add_row(Group(*left), Group(summary_of(snapshot), Padding(right, (0, 0, 0, 2))))
        return Group(*head, beside)
    figures = [*_figures(snapshot, width, compliance), *gap]
    room -= len(figures) + 1
    per_line = 2 if width >= 76 else 1
    tables = _tables(snapshot, room - min(3, len(snapshot.thresholds)), compliance)
    room -= sum(lines for lines, _ in tables)
    rows = shortest_first(snapshot.thresholds, max(0, room) * per_line)
    return Group(
        *head, *figures, *(table for _, table in tables), summary_of(snapshot), standings_table(rows, per_line)
    )


def _title(snapshot: Snapshot, width: int) -> Text:
    title = Text.assemble((snapshot.name, "bold"), f" · {snapshot.test_type} · {snapshot.target_url}")
    title.truncate(width, overflow="ellipsis")
    return title


def _progress(snapshot: Snapshot, width: int) -> Text:
    left_s = max(0.0, snapshot.duration_s - snapshot.elapsed_s)
    phase = PHASES.get(snapshot.state, snapshot.phase)
    told = f"  {at_text(snapshot.elapsed_s)} of {at_text(snapshot.duration_s)}"
    told += f", {at_text(left_s)} left" if snapshot.state == "running" else ""
    bar_width = max(10, min(60, width - len(phase) - len(told) - 2))
    share = snapshot.elapsed_s / snapshot.duration_s if snapshot.duration_s else 1.0
    return Text.assemble((f"{phase} ", "bold cyan"), progress_bar(share, bar_width), told)


def _figures(snapshot: Snapshot, width: int, compliance: bool) -> list[RenderableType]:
    recent, total = snapshot.recent, snapshot.total
    wanted = "" if snapshot.rate_wanted is None else f" of {snapshot.rate_wanted:,.0f} wanted"
    users = f"{snapshot.users:,} of {snapshot.users_wanted:,}"
    users += f", {snapshot.users_max:,} planned" if snapshot.users_max != snapshot.users_wanted else ""
    return [
        _labelled("users", users, "RPS", f"{compact(recent.rps)}{wanted}", "requests", f"{total.requests:,}"),
        _labelled(
            f"last {snapshot.recent_s:.0f} s",
            f"p50 {_ms(recent.p50_ms)}",
            "p95",
            _ms(recent.p95_ms),
            "p99",
            _ms(recent.p99_ms),
        ),
        _quality(recent, snapshot, compliance),
        *_violations(snapshot),
        _target(snapshot),
        _courses(snapshot, width),
    ]


def _courses(snapshot: Snapshot, width: int) -> Text:
    """RPS and p95 since the start, beside each other."""
    each = max(8, min(60, (width - LABEL_WIDTH - 12) // 2))
    rps, p95 = (sparkline(values, each) for values in (snapshot.series.rps, snapshot.series.p95_ms))
    return Text.assemble(
        ("RPS".ljust(LABEL_WIDTH), "dim"), (rps.ljust(each), "cyan"), ("   p95 ", "dim"), (p95, "magenta"), no_wrap=True
    )


def _labelled(label: str, value: str, *more: str) -> Text:
    text = Text.assemble((label.ljust(LABEL_WIDTH), "dim"), (value, "bold"))
    for name, figure in zip(more[::2], more[1::2], strict=True):
        text.append_text(Text.assemble(("   " + name + " ", "dim"), (figure, "bold")))
    text.no_wrap = True
    return text


def _quality(recent: Figures, snapshot: Snapshot, compliance: bool) -> Text:
    total = snapshot.total
    words = [("errors", percent(total.error_ratio), bool(total.errors))]
    if total.throttled:
        words.append(("throttled", f"{total.throttled:,}", True))
    if compliance:
        words.append(("compliance", percent(total.compliance), total.compliance is not None and total.compliance < 1))
    words.append(("violations", f"{total.violations:,}", bool(total.violations)))
    text = Text.assemble(("quality".ljust(LABEL_WIDTH), "dim"), no_wrap=True)
    for place, (name, value, bad) in enumerate(words):
        gap = "   " if place else ""
        text.append_text(Text.assemble((f"{gap}{name} ", "dim"), (value, "bold red" if bad else "bold")))
    return text


def _violations(snapshot: Snapshot) -> list[RenderableType]:
    """What was wrong, by kind, the most frequent first; no line where nothing was."""
    kinds: dict[str, int] = {}
    for row in snapshot.violations:
        kinds[row.kind] = kinds.get(row.kind, 0) + row.count
    if not kinds:
        return []
    told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1]))
    text = Text.assemble(("wrong".ljust(LABEL_WIDTH), "dim"), (told, "bold red"), no_wrap=True, overflow="ellipsis")
    return [text]


def _target(snapshot: Snapshot) -> Text:
    target = snapshot.target
    if target is None:
        return _labelled("target", "CPU and memory not measured")
    return _labelled("target", f"CPU {percent(target.cpu)}", "memory", percent(target.memory), "by", target.source)


def _tables(snapshot: Snapshot, room: int, compliance: bool) -> list[tuple[int, RenderableType]]:
    """Scenarios, and then regions, as far as there is room; with the lines that each takes."""
    tables = (
        (len(snapshot.scenarios) + 2, parts_table("scenario", snapshot.scenarios, compliance)),
        (len(snapshot.regions) + 2, regions_table(snapshot)),
    )
    fitting: list[tuple[int, RenderableType]] = []
    for lines, table in tables:
        if lines <= room:
            fitting.append((lines, Padding(table, (0, 0, 1, 0))))
            room -= lines
    return fitting


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{compact(value)} ms"
