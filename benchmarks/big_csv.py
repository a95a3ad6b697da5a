"""Locust's CSV files with a full history of any size, in the form that Locust 2.47 writes."""

from __future__ import annotations

from pathlib import Path

_QUANTILES = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"
_STATS = (
    "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    f"Max Response Time,Average Content Size,Requests/s,Failures/s,{_QUANTILES}\r\n"
)
_HISTORY = (
    f"Timestamp,User Count,Type,Name,Requests/s,Failures/s,{_QUANTILES},Total Request Count,Total Failure Count,"
    "Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,"
    "Total Average Content Size\r\n"
)
_ROW = "37,41,44,45,50,51,53,54,54,54,54"
STARTED = 1_800_000_000
NAMES = 49


def write_csv(prefix: Path, size_bytes: int) -> None:
    """``prefix_stats.csv`` and ``prefix_stats_history.csv``; the history has ``size_bytes`` or a little more."""
    prefix.parent.mkdir(parents=True)
    second, written = 0, 0
    with prefix.with_name(prefix.name + "_stats_history.csv").open("w", newline="") as file:
        written += file.write(_HISTORY)
        while written < size_bytes:
            second += 1
            written += file.write(_second(second))
    requests = 20 * second
    rows = [f"GET,operation-{at:02}" for at in range(NAMES)] + [",Aggregated"]
    counts = [requests] * NAMES + [NAMES * requests]
    text = "".join(
        f"{row},{count},0,37,38.4173,21.6379,54.0931,100.0,{count / second:.6f},0.0,{_ROW}\r\n"
        for row, count in zip(rows, counts, strict=True)
    )
    prefix.with_name(prefix.name + "_stats.csv").write_text(_STATS + text, newline="")


def _second(second: int) -> str:
    head = f"{STARTED + second},800,"
    tail = ",37,37.38720979312682,21.6379590001452,53.6617039997509,100.0\r\n"
    rows = [f"{head}GET,operation-{at:02},20.000000,0.000000,{_ROW},{20 * second},0{tail}" for at in range(NAMES)]
    total = f"{head},Aggregated,{20 * NAMES}.000000,0.000000,{_ROW},{20 * NAMES * second},0{tail}"
    return "".join([*rows, total])
