"""Locust's CSV files of every age, as real versions wrote them, and as crashes, editors and shells left them."""

from __future__ import annotations

import codecs
import shutil
from pathlib import Path

import pytest
from run_fixture import thresholds

from acgs_load.analysis.csv_report import report_of_csv
from acgs_load.analysis.door import run_analyzer
from acgs_load.analysis.reading import locust_history
from acgs_load.analysis.reading.locust_csv import find_prefix, read_locust_csv
from acgs_load.analysis.reading.locust_history import read_history
from acgs_load.errors import UsageError

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = ("1.0.3", "1.6.0", "2.0.0", "2.15.1", "2.30.0", "2.47.0")
STATS = "Type,Name,Request Count,Failure Count,Average Response Time,Max Response Time,Requests/s,Failures/s,95%\n"
ROWS = "GET,a,60,6,5,9,6,0.6,8\nGET,b,40,0,5,9,4,0,8\n"
TOTAL = ",Aggregated,100,6,5,9,10,0.6,8\n"
HISTORY = (
    "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,99%,Total Request Count,Total Failure Count,"
    "Total Average Response Time,Total Max Response Time\n"
)


def history_row(second, requests, name=",Aggregated", p95="8", users=5):
    """A line of the history, a second after the one before."""
    return f"{1_700_000_000 + second},{users},{name},10.0,0.5,5,{p95},9,{requests},{requests // 20},5.5,9.5\n"


@pytest.fixture
def files(tmp_path):
    """Writes the files of the prefix ``x`` and reads them."""

    def read(stats=STATS + ROWS + TOTAL, history=None, **others):
        for name, content in {"stats": stats, "stats_history": history, **others}.items():
            if content is not None:
                path = tmp_path / f"x_{name}.csv"
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_locust_csv(find_prefix(tmp_path))

    return read


@pytest.mark.parametrize("kind", ["full", "plain"])
@pytest.mark.parametrize("version", VERSIONS)
def test_real_files_of_every_version(version, kind, tmp_path):
    """Counts add up, percentiles are there, failures are told; the whole way to a report."""
    found = read_locust_csv(RECORDED / f"locust-{version}" / kind)
    assert found.total is not None
    assert len(found.entries) == 3
    assert found.total.requests == sum(entry.requests for entry in found.entries) > 100
    assert found.total.failures == sum(entry.failures for entry in found.entries) > 5
    assert 20 <= (found.total.percentiles_ms["50%"] or 0) <= (found.total.percentiles_ms["95%"] or 0) <= 100
    assert sum(failure.occurrences for failure in found.failures) == found.total.failures
    assert {failure.name for failure in found.failures} == {entry.name for entry in found.entries if entry.failures}
    assert (found.exceptions > 0) == (version != "1.0.3")
    assert run_analyzer([str(RECORDED / f"locust-{version}" / kind), "--output", str(tmp_path), "--json-only"]) == 1
    report = report_of_csv(found, thresholds("error_ratio <= 0.5"))
    assert report.verdict.status == "PASS"
    cut = any("history ends after" in text for text in report.warnings)
    assert cut == (version in ("1.6.0", "2.0.0", "2.15.1", "2.30.0")), "those versions lost what was not yet flushed"


def test_the_headings_of_long_ago(files):
    """``# requests`` and other spellings, a total named so, no percentiles."""
    found = files(
        '"Method","Name","# requests","# failures","Median response time","Average response time",'
        '"Min response time","Max response time","Average Content Size","Requests/s"\n'
        '"GET","/a",60,6,5,5,1,9,100,6.00\n"GET","/b",40,0,5,5,1,9,100,4.00\n"None","Total",100,6,5,5,1,9,100,10.00\n'
    )
    assert found.total is not None
    assert (found.total.requests, found.total.failures, found.total.max_ms) == (100, 6, 9)
    assert [entry.name for entry in found.entries] == ["/a", "/b"]
    assert any("no column 50%" in text for text in found.missing)


@pytest.mark.parametrize(
    "total", [",Aggregated", "None,Aggregated", "Aggregated,Aggregated", ",Total", "Aggregated,", "None,Total"]
)
def test_a_total_by_any_name(files, total):
    """Whatever it is called, it is no request of its own."""
    found = files(STATS + ROWS + f"{total},100,6,5,9,10,0.6,8\n")
    assert found.total is not None
    assert len(found.entries) == 2


def test_a_request_named_total_is_a_request(files):
    """It has a type."""
    found = files(STATS + "GET,Total,100,6,5,9,10,0.6,8\n" + TOTAL)
    assert [entry.name for entry in found.entries] == ["Total"]


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.rstrip("\n").encode(),
        lambda text: ("\n" + text + "\n\n").encode(),
        lambda text: text.encode() + b"\0" * 300,
        lambda text: text.replace("Name", "NAME").replace("Type", " type ").encode(),
        lambda text: text.replace("95%", "95%,99%").replace(",8\n", ",8,N/A\n").encode(),
    ],
    ids=["crlf", "bom", "utf-16", "no last newline", "blank lines", "zeros", "case", "N/A"],
)
def test_ways_of_writing_the_same(files, changed):
    """Line ends, byte order marks, blanks and what a crash leaves do not change what is read."""
    found = files(changed(STATS + ROWS + TOTAL))
    assert found.total is not None
    assert (found.total.requests, found.total.percentiles_ms["95%"]) == (100, 8.0)
    assert len(found.entries) == 2


def test_errors_over_several_lines(files):
    """A quoted line break is part of the error, and shown as a blank."""
    found = files(failures='Method,Name,Error,Occurrences\nGET,a,"one, two\nthree ""four""",6\n')
    assert [(row.error, row.occurrences) for row in found.failures] == [('one, two three "four"', 6)]


def test_several_runs_in_one_history(files):
    """The last one is shown, and that there are more is said: by the count, the clock or another heading."""
    first = "".join(history_row(at, at * 10, p95="900") for at in range(1, 9))
    second = "".join(history_row(100 + at, at * 10) for at in range(1, 11))
    for between in ("", HISTORY, HISTORY.replace("95%,99%", "95%,98%,99%")):
        rows = second if between in ("", HISTORY) else second.replace(",5,8,9,", ",5,8,8,9,")
        found = files(history=HISTORY + first + between + rows)
        assert found.history.runs == 2
        assert [moment.percentiles_ms["95%"] for moment in found.history.moments] == [8.0] * 10
        assert any("2 test runs" in text for text in found.missing)


def test_rows_of_another_width_are_counted(files):
    """Left out and said, in the middle as at the end."""
    rows = [history_row(at, at * 10) for at in range(1, 11)]
    rows[3], rows[6] = "1700000004,5,,Aggregated,10.0\n", rows[6].rstrip() + ",1,2\n"
    found = files(history=HISTORY + "".join(rows) + "1700000011,5,,Aggre")
    assert (len(found.history.moments), found.history.left_out) == (8, 3)
    assert any("3 rows that are cut" in text for text in found.missing)


def test_statistics_lost_in_a_crash_come_from_the_history(files):
    """Locust truncates before it writes; the history knows counts, mean and maximum."""
    found = files(stats="", history=HISTORY + "".join(history_row(at, at * 10) for at in range(1, 11)))
    assert found.total is not None
    assert (found.total.requests, found.total.failures, found.total.avg_ms, found.total.max_ms) == (100, 5, 5.5, 9.5)
    assert found.total.percentiles_ms["95%"] == 8.0
    assert any("empty" in text for text in found.missing)
    assert report_of_csv(found, thresholds("error_ratio <= 0.5")).verdict.status == "PASS"


def test_a_history_alone(tmp_path):
    """The statistics were deleted."""
    (tmp_path / "x_stats_history.csv").write_text(HISTORY + history_row(1, 10) + history_row(2, 20))
    found = read_locust_csv(find_prefix(tmp_path))
    assert found.total is not None
    assert found.total.requests == 20


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        (STATS + ROWS + ",Aggregated,300,6,5,9,10,0.6,8\n", "the total says 300 requests, its rows add up to 100"),
        (STATS + ROWS + ",Aggregated,100,60,5,9,10,0.6,8\n", "the total says 60 failures"),
        (STATS + "GET,a,6,60,5,9,6,0.6,8\n", "60 failures of 6 requests"),
        (STATS + "GET,a,inf,0,5,9,6,0.6,8\n", "Request Count is 'inf'"),
        (STATS + "GET,a,3,0,-5,9,6,0.6,8\n", "is '-5', no number"),
    ],
)
def test_contradictions_are_one_line(files, tmp_path, stats, said, capsys):
    """Told, exit code 2, nothing is judged."""
    with pytest.raises(UsageError, match=said):
        files(stats)
    assert run_analyzer([str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_total_a_little_ahead_is_no_contradiction(files):
    """Requests end while Locust writes its rows."""
    assert files(STATS + ROWS + ",Aggregated,104,6,5,9,10,0.6,8\n").total is not None


def test_big_histories_read_as_small_ones_do(tmp_path, monkeypatch):
    """The same moments with pandas as without, in blocks of any size; odd rows are left out by both."""
    rows = []
    for at in range(1, 300):
        rows += [history_row(at, at * 5, "GET,a"), history_row(at, at * 5, "GET,Aggregated"), history_row(at, at * 10)]
    rows[8], rows[11] = "1700000003,5,,Aggregated,10.0\n", rows[11].rstrip() + ",7\n"
    rows[20] = rows[20].replace(",8,", ",N/A,")
    again = HISTORY + "".join(history_row(500 + at, at * 10) for at in range(1, 50))
    path = tmp_path / "x_stats_history.csv"
    path.write_bytes(codecs.BOM_UTF8 + (HISTORY + "".join(rows) + again).replace("\n", "\r\n").encode())
    small = read_history(path)
    monkeypatch.setattr(locust_history, "BIG_BYTES", 0)
    for size in (200, 5_000, 10**7):
        monkeypatch.setattr(locust_history, "BLOCK_BYTES", size)
        told = []
        big = read_history(path, told.append)
        assert (big.runs, big.left_out, big.windowed, big.users_max) == (2, 2, True, 5)
        assert [moment._replace(percentiles_ms={}) for moment in big.moments] == [
            moment._replace(percentiles_ms={}) for moment in small.moments
        ]
        assert [m.percentiles_ms["95%"] for m in big.moments] == [m.percentiles_ms["95%"] for m in small.moments]
        assert told[-1] == 1


def test_long_histories_are_thinned_and_their_peaks_are_not(monkeypatch):
    """A second in the middle stays the peak."""
    monkeypatch.setattr(locust_history, "MOMENTS_MAX", 64)
    history = locust_history.History()
    for second in range(1000):
        rate = 999.0 if second == 501 else 10.0
        history.add(locust_history.Moment(second, 3, rate, 0.0, {}, second, 0, None, None))
    assert len(history.moments) <= 64
    assert (history.peak_rps, history.seen) == (999.0, 1000)
    steps = {
        later.second - earlier.second for earlier, later in zip(history.moments, history.moments[1:], strict=False)
    }
    assert steps == {history.every}


def test_a_folder_copied_by_hand(tmp_path):
    """One set of files in a folder, by the folder."""
    for file in (RECORDED / "locust-1.0.3").glob("full_*.csv"):
        shutil.copy(file, tmp_path / file.name)
    assert find_prefix(tmp_path) == tmp_path / "full"
