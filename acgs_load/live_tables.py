"""The tables of the live view: scenarios, regions with their workers, thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from acgs_load.analysis.wording import margin_text, value_text
from acgs_load.snapshot import Part, Process, Snapshot, Standing

MARKS = {"pass": ("✓", "green"), "fail": ("✗", "bold red"), "not_measured": ("·", "yellow")}
BUSY_CPU, HELD_UP_MS = 0.9, 50.0
"""A generator beyond these adds to what it measures; the verdict says INVALID."""


def compact(value: float | None) -> str:
    """Three digits that matter: ``0.86``, ``12.3``, ``1,234``; a dash where there is no value."""
    if value is None:
        return "–"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def percent(share: float | None) -> str:
    """``12.3 %``; a dash where there is no value."""
    return "–" if share is None else value_text(round(share, 4) if 0.0001 < share < 0.9999 else share, "ratio")


def parts_table(title: str, parts: Sequence[Part], compliance: bool) -> Table:
    """A row a scenario: the last ten seconds; errors and what was wrong since the start."""
    table = _table(title, "RPS", "p50 ms", "p95 ms", "errors", *(["compliance"] if compliance else []), "violations")
    for part in parts:
        score = [percent(part.total.compliance)] if compliance else []
        recent = part.recent
        figures = (compact(recent.rps), compact(recent.p50_ms), compact(recent.p95_ms), _bad(part.total.errors))
        table.add_row(escape(part.name), *figures, *score, _bad(part.total.violations))
    return table


def regions_table(snapshot: Snapshot) -> Table:
    """A row a region: its traffic, its workers, and how hard they work."""
    table = _table("region", "RPS", "p95 ms", "workers", "users", "CPU", "lag ms", "violations")
    for part in snapshot.regions:
        crew = [one for one in snapshot.processes if one.region == part.name and one.name != "master"]
        here = [one for one in crew if not one.gone]
        workers = f"{len(here)}" if len(here) == len(crew) else f"{len(here)} of {len(crew)}"
        figures = (compact(part.recent.rps), compact(part.recent.p95_ms))
        users = f"{sum(one.users for one in here):,}"
        table.add_row(
            escape(part.name),
            *figures,
            Text(workers, style="" if len(here) == len(crew) else "bold red"),
            users,
            _cpu(here),
            _lag(here),
            _bad(part.total.violations),
        )
    return table


def shortest_first(standings: Sequence[Standing], most: int) -> list[Standing]:
    """At most so many: those that do not hold, then those with the least room, told in the plan's order."""
    if len(standings) <= most:
        return list(standings)
    order = {"fail": 0, "pass": 1, "not_measured": 2}
    ranked = sorted(standings, key=lambda one: (order[one.state], one.margin or float("inf")))
    chosen = {id(one) for one in ranked[: max(0, most)]}
    return [one for one in standings if id(one) in chosen]


def summary_of(snapshot: Snapshot) -> Text:
    """``thresholds  17 of 19 hold, 1 fails, 1 not measured yet``."""
    states = [one.state for one in snapshot.thresholds]
    failing, unknown = states.count("fail"), states.count("not_measured")
    told = f"{states.count('pass')} of {len(states)} hold"
    text = Text.assemble(("thresholds  ", "dim"), (told, "bold"))
    if failing:
        text.append(f", {failing} do{'es' if failing == 1 else ''} not", style="bold red")
    if unknown:
        text.append(f", {unknown} not measured yet", style="yellow")
    return text


def standings_table(standings: Sequence[Standing], per_line: int) -> Table:
    """Mark, expression, value and margin of each threshold, so many to a line."""
    table = Table.grid(padding=(0, 1), expand=per_line > 1)
    for place in range(per_line):
        table.add_column(width=1)
        table.add_column(ratio=1 if per_line > 1 else None, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        if place + 1 < per_line:
            table.add_column(width=1)
    lines = -(-len(standings) // per_line)
    for number in range(lines):
        cells: list[str | Text] = []
        for place in range(per_line):
            where = number + place * lines
            cells += [""] if place else []
            cells += _standing(standings[where], per_line == 1) if where < len(standings) else ["", "", "", ""]
        table.add_row(*cells)
    return table


def _standing(one: Standing, whole: bool) -> list[str | Text]:
    """Its cells; where there is little room, without the limit, which the margin makes up for."""
    told = one.expression if whole else one.expression.partition(f" {one.comparison} ")[0]
    mark, style = MARKS[one.state]
    value = "–" if one.value is None else value_text(one.value, one.unit)
    return [Text(mark, style=style), escape(told), Text(value, style=style), margin_text(one.margin)]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first, no_wrap=True, min_width=16)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _bad(count: int) -> Text:
    return Text(f"{count:,}", style="bold red" if count else "")


def _cpu(crew: Sequence[Process]) -> Text:
    worst = max((one.cpu for one in crew), default=None)
    return Text("–" if worst is None else f"{worst:.0%}", style="bold red" if (worst or 0.0) > BUSY_CPU else "")


def _lag(crew: Sequence[Process]) -> Text:
    worst = max((one.loop_lag_ms for one in crew), default=None)
    return Text(compact(worst), style="yellow" if (worst or 0.0) > HELD_UP_MS else "")
