"""Puts together what did not reach the master: the spools of lost workers, or of a whole run whose master was lost.

Done once, by whoever reads the folder next. Slips are numbered, so nothing that arrived before is counted twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from acgs_load.errors import UsageError, resource_error
from acgs_load.health import HealthRow
from acgs_load.machine import is_running, machine_id
from acgs_load.run_folder import RunFolder, write_atomically, write_json
from acgs_load.sample_pages import pages_of
from acgs_load.samples import Window, WindowKey
from acgs_load.spool import Spool, count_path, spools_of

QUIET_S = 20.0
"""A run of another machine is over when nothing was written to its folder for so long."""


@dataclass(slots=True)
class Finds:
    """What slips hold, over any number of workers."""

    windows: dict[WindowKey, Window] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    health: list[Sequence[Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, slip: Mapping[str, Any]) -> int:
        """Add one slip; gives how many samples it holds."""
        samples = 0
        for second, region, scenario, operation, phase, wire in slip["windows"]:
            key, window = WindowKey(second, region, scenario, operation, phase), Window.from_wire(wire)
            samples += window.samples
            if key in self.windows:
                self.windows[key].merge(window)
            else:
                self.windows[key] = window
        self.examples += slip["examples"]
        self.health += slip["health"]
        self.errors += slip["errors"]
        return samples


@dataclass(slots=True)
class Part:
    """One worker's spool, read."""

    samples: int = 0
    """In the slips that were wanted."""
    busiest: int = 0
    """The most samples within one second."""
    slips: int = 0
    last: Mapping[str, Any] = field(default_factory=dict)


def salvage(folder: RunFolder) -> int | None:
    """Add what spools hold beyond what the master had; gives how many samples, None where nothing was to be done.

    Raises UsageError where a spool is not what a worker writes, or the folder cannot be written; ResourceError where
    there is no room.
    """
    if not folder.spools.is_dir() or not folder.plan.exists():
        return None
    try:
        return _salvage(folder)
    except OSError as error:
        if (fault := resource_error(error)) is not None:
            raise fault from error
        raise UsageError(f"{folder.spools}: not merged ({error.strerror}: {error.filename})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UsageError(f"{folder.spools}: not what workers write ({error}); move the folder away") from error


def shed(folder: RunFolder) -> None:
    """Remove the spools of workers whose every sample the master had: at 1,000 requests a second 2 GB a day.

    Keeps all others, and all of a run that did not end in order. Raises OSError where one cannot be removed.
    """
    if not folder.run.exists():
        return
    run = json.loads(folder.run.read_text(encoding="utf-8"))
    spools = spools_of(folder.spools, hashlib.sha256(folder.plan.read_bytes()).hexdigest())
    arrived = {
        int(worker["index"]): worker["samples_received"]
        for worker in run["workers"]
        if not worker.get("lost") and worker["samples_sent"] == worker["samples_received"]
    }
    for spool in spools:
        if spool.samples is not None and spool.samples == arrived.get(spool.index):
            spool.path.unlink()
            count_path(spool.path).unlink()


def _salvage(folder: RunFolder) -> int | None:
    spools = spools_of(folder.spools, hashlib.sha256(folder.plan.read_bytes()).hexdigest())
    if folder.run.exists():
        return _complete(folder, {spool.index: spool for spool in spools})
    roster = list(_lines(folder.roster))
    if not spools or not any("started_s" in row for row in roster) or _goes_on(folder, roster):
        return None
    return _put_together(folder, spools, roster)


def _read(spool: Spool, finds: Finds, arrived: Sequence[Sequence[int]] = ()) -> Part:
    """The slips of a spool that had not arrived."""
    part, before = Part(), 0
    for slip in spool.slips():
        part.slips, part.last = slip["seq"], slip
        if any(first <= slip["seq"] <= last for first, last in arrived):
            samples = sum(row[5].get("samples", 0) for row in slip["windows"])
        else:
            samples = finds.take(slip)
            part.samples += samples
        part.busiest, before = max(part.busiest, before + samples), samples
    return part


def _complete(folder: RunFolder, spools: Mapping[int, Spool]) -> int | None:
    """The master ended in order: add what its lost workers had not sent."""
    run = json.loads(folder.run.read_text(encoding="utf-8"))
    finds, found = Finds(), None
    for worker in run["workers"]:
        spool = spools.get(int(worker["index"]))
        short = worker.get("lost") or worker["samples_sent"] != worker["samples_received"]
        if spool is None or not short or worker.get("salvaged") is not None:
            continue
        part = _read(spool, finds, worker.get("slips") or ())
        _credit(run, worker, spool, part)
        found = (found or 0) + part.samples
    if found is None:
        return None
    _append(folder, finds)
    run["samples_lost"] = sum(max(0, row["samples_sent"] - row["samples_received"]) for row in run["workers"])
    run["errors"] = [*run["errors"], *finds.errors][:100]
    write_json(folder.run, run)
    return found


def _credit(run: dict[str, Any], worker: dict[str, Any], spool: Spool, part: Part) -> None:
    """What the spool tells of one worker: how much of it is there now, and how much is not."""
    counts = (worker["samples_sent"], spool.samples or 0, int(part.last.get("samples", 0)))
    worker["samples_sent"] = max(counts)
    worker["samples_received"] += part.samples
    worker["salvaged"] = part.samples
    worker["slips"] = [[1, part.slips]] if part.slips else worker.get("slips")
    worker["samples_per_s_max"] = part.busiest
    before, after = worker.get("arrivals"), part.last.get("arrivals")
    totals = run.get("arrivals")
    if totals and before and after:
        more = {name: after[name] - before[name] for name in ("scheduled", "sent", "unsent", "waited")}
        missed = max(0, totals.get("missed", 0) - more["scheduled"])
        gone = totals.get("missed", 0) - missed
        for name, count in more.items():
            totals[name] += count
        totals["scheduled"] -= gone
        totals["unsent"] -= gone
        totals["missed"] = missed
        worker["arrivals"] = after


def _put_together(folder: RunFolder, spools: Sequence[Spool], roster: Sequence[Mapping[str, Any]]) -> int:
    """The master is gone without a last word: all that its workers kept, in place of what it had written."""
    finds, parts = Finds(), {}
    for spool in spools:
        parts[spool.index] = _read(spool, finds)
    workers = [_worker(row, parts, spools) for row in roster if "index" in row]
    if not any(worker["lost"] for worker in workers):
        write_atomically(folder.windows, "".join(_window_lines(finds.windows)))
        finds.windows.clear()
        _append(folder, finds)
    started_s = next(float(row["started_s"]) for row in roster if "started_s" in row)
    ended_s = max([started_s, *(float(part.last.get("until_s", 0.0)) for part in parts.values())])
    plan = json.loads(folder.plan.read_text(encoding="utf-8"))
    run = {
        "schema": 1,
        "started_s": started_s,
        "ended_s": ended_s,
        "interrupted": True,
        "ended_by": "master_lost",
        "abort": None,
        "phases": list(_phases(plan["stages"], ended_s - started_s)),
        "workers": workers,
        "workers_lost": sum(worker["lost"] for worker in workers),
        "samples_lost": sum(max(0, worker["samples_sent"] - worker["samples_received"]) for worker in workers),
        "clock_skew_ms": None,
        "arrivals": None,
        "users": {"wanted": plan["users_max"], "reached": _users(finds.health), "without_token": None},
        "search": None,
        "changes": [],
        "user_errors": sum(int(part.last.get("user_errors", 0)) for part in parts.values()),
        "errors": finds.errors[:100],
        "versions": next((row["versions"] for row in roster if "versions" in row), {}),
        "machine": {},
    }
    write_json(folder.run, run)
    return sum(part.samples for part in parts.values())


def _worker(row: Mapping[str, Any], parts: Mapping[int, Part], spools: Sequence[Spool]) -> dict[str, Any]:
    part = parts.get(int(row["index"]))
    if part is None:
        return {**row, "lost": True, "samples_sent": 0, "samples_received": 0}
    counted = next(spool.samples for spool in spools if spool.index == int(row["index"]))
    sent = max(counted or 0, int(part.last.get("samples", 0)))
    return {
        **row,
        "lost": False,
        "samples_sent": sent,
        "samples_received": part.samples,
        "salvaged": part.samples,
        "samples_per_s_max": part.busiest,
    }


def _phases(stages: Iterable[Mapping[str, Any]], length_s: float) -> Iterator[dict[str, Any]]:
    """As planned, up to the end that came."""
    begin_s = 0.0
    for stage in stages:
        end_s = min(begin_s + stage["duration_s"], length_s)
        if end_s > begin_s:
            yield {"name": stage["name"], "from_s": begin_s, "to_s": end_s, "hold": stage["hold"]}
        begin_s += stage["duration_s"]


def _users(health: Iterable[Sequence[Any]]) -> int:
    """The most users of all workers together in one second."""
    by_second: dict[int, int] = {}
    for values in health:
        row = HealthRow(*values)
        by_second[row.second] = by_second.get(row.second, 0) + row.users
    return max(by_second.values(), default=0)


def _append(folder: RunFolder, finds: Finds) -> None:
    """Windows at last and in one step: they are what must not be counted twice."""
    known = folder.violations.read_text(encoding="utf-8") if folder.violations.exists() else ""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in finds.examples]
    write_atomically(folder.violations, known + "".join(line for line in lines if line not in known))
    table = folder.generators.read_text(encoding="utf-8") if folder.generators.exists() else ""
    seen = {tuple(line.split(",", 2)[:2]) for line in table.splitlines()}
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    if not table:
        writer.writerow(HealthRow._fields)
    writer.writerows(row for row in finds.health if (str(row[0]), str(row[1])) not in seen)
    write_atomically(folder.generators, table + rows.getvalue())
    if finds.windows:
        before = folder.windows.read_text(encoding="utf-8") if folder.windows.exists() else ""
        write_atomically(folder.windows, before + "".join(_window_lines(finds.windows)))


def _window_lines(windows: Mapping[WindowKey, Window]) -> Iterator[str]:
    for page in pages_of([(key, windows[key]) for key in sorted(windows)]):
        yield orjson.dumps(page).decode() + "\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file of JSON objects; none where there is no file."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)


def _goes_on(folder: RunFolder, roster: Iterable[Mapping[str, Any]]) -> bool:
    """Whether somebody still measures."""
    master = next(row for row in roster if "started_s" in row)
    if master.get("machine") and master["machine"] == machine_id():
        return is_running(int(master["pid"]))
    written_s = max(path.stat().st_mtime for path in (folder.path, folder.spools, *folder.spools.iterdir()))
    return time.time() - written_s < QUIET_S
