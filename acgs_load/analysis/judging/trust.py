"""Can the figures be believed at all? Each reason why not says what was seen, what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from acgs_load.analysis.judging.losses import losses
from acgs_load.analysis.judging.machines import LAG_LIMIT_MS, SATURATED_CPU, SATURATED_S, health_in_run, processes
from acgs_load.analysis.reading.load import Run
from acgs_load.analysis.reading.record import Arrivals
from acgs_load.analysis.wording import share_text, shortened

UNSENT_LIMIT = 0.01
"""Share of the arrivals of an open load that may stay unsent."""
SKEW_LIMIT_MS = 1_000.0
"""Clocks that differ by more cannot be put on one axis of whole seconds."""
ERROR_MAX = 200
"""Characters of an error's text in a reason."""
TOKENLESS_LIMIT = 0.01
"""Share of users that may be without a token at the end of the ramp."""


def distrust(run: Run) -> list[str]:
    """Why the results are not trustworthy, the heaviest reason first; empty where they are."""
    return [*_cut_short(run), *_losses(run), *_saturation(run), *_arrivals(run), *_clocks(run)]


def _cut_short(run: Run) -> Iterator[str]:
    if not run.record.complete:
        yield (
            "the run was cut short before it could write run.json, so its end is not known; "
            f"see {run.folder.logs.name}/master.log for why, and run again"
        )
    elif any("cut short" in sentence for sentence in run.missing):
        yield "a file of a finished run is cut short, so rows are lost; check the disk and run again"
    if run.record.complete and not run.health:
        yield "nobody watched the load generators (generators.csv has no rows); check logs/master.log and run again"


def _losses(run: Run) -> Iterator[str]:
    record = run.record
    yield from losses(run)
    if record.user_errors:
        first = f", first: {shortened(record.errors[0], ERROR_MAX)}" if record.errors else ""
        yield (
            f"{record.user_errors:,} errors inside the simulated users (not the target's){first}; "
            "see logs/worker-<n>.log and report them"
        )


def _saturation(run: Run) -> Iterator[str]:
    seen = processes(health_in_run(run))
    hot = [process for process in seen if process.saturated_s >= SATURATED_S]
    if hot:
        worst = max(hot, key=lambda process: process.saturated_s)
        which = f" ({worst.name})" if len(hot) > 1 else ""
        yield (
            f"load generator saturated: {_named(process.name for process in hot)} above {100 * SATURATED_CPU:.0f} % "
            f"of a core for {worst.saturated_s} s in a row{which}; latencies contain the generator's own queue. "
            "Use more workers or machines, or fewer users"
        )
    late = [process for process in seen if process.generates and process.loop_lag_p99_ms > LAG_LIMIT_MS]
    if late:
        slowest = max(late, key=lambda process: process.loop_lag_p99_ms)
        yield (
            f"load generator late: the event loop of {_named(process.name for process in late)} adds up to "
            f"{slowest.loop_lag_p99_ms:,.0f} ms to latencies at p99 (limit {LAG_LIMIT_MS:.0f} ms). "
            "Leave cores for the generators, use more workers, or fewer users"
        )


def _arrivals(run: Run) -> Iterator[str]:
    arrivals = run.record.arrivals
    if arrivals and arrivals.scheduled and arrivals.unsent / arrivals.scheduled > UNSENT_LIMIT:
        yield (
            f"{arrivals.unsent:,} of {arrivals.scheduled:,} arrivals "
            f"({share_text(arrivals.unsent / arrivals.scheduled)}) were never sent, {why_unsent(arrivals)}: "
            "the rate asked for was not offered. Raise --users, or lower --rate"
        )


def why_unsent(arrivals: Arrivals) -> str:
    """In words."""
    if not arrivals.missed:
        return "because no user was free"
    rest = "" if arrivals.missed == arrivals.unsent else ", the others because no user was free"
    return f"{arrivals.missed:,} of them because a worker was lost{rest}"


def _clocks(run: Run) -> Iterator[str]:
    skew_ms = run.record.clock_skew_ms
    if skew_ms is not None and abs(skew_ms) > SKEW_LIMIT_MS:
        yield (
            f"clocks of the load generators differ by {abs(skew_ms):,.0f} ms, more than can be corrected "
            f"({SKEW_LIMIT_MS:,.0f} ms); set them by NTP and run again"
        )


def tokenless(run: Run) -> tuple[str | None, str | None]:
    """Users without a token at the end of the ramp: (why the run fails, or None; a warning, or None)."""
    users = run.record.users
    if users is None or not users.without_token:
        return None, None
    everybody = users.reached or users.wanted
    share = users.without_token / everybody if everybody else 1.0
    said = f"{users.without_token:,} of {everybody:,} users ({share_text(share)}) had no token after the ramp"
    if share > TOKENLESS_LIMIT:
        return (
            f"{said}, more than {100 * TOKENLESS_LIMIT:.0f} %: they sent no load; "
            "check accounts and auth_login's errors",
            None,
        )
    return None, f"{said}; see auth_login's errors"


def _named(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:4]) + (f" and {len(known) - 4} more" if len(known) > 4 else "")
