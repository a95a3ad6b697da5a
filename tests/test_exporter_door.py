"""Where the exporter is found, and how long the master waits to be asked once more."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from acgs_load.traffic.engine.web_report import report_page
from acgs_load.traffic.master.exporter import Exporter
from acgs_load.traffic.master.exporter_door import LAST_SCRAPE_MAX_S, SCRAPER, ExporterDoor, Scrapers


@pytest.mark.parametrize(
    ("came_s", "now_s", "waits_s"),
    [
        ([], 100.0, 0.0),
        ([98.0], 100.0, LAST_SCRAPE_MAX_S - 2.0),  # once only: it may come again
        ([93.0, 98.0], 100.0, 5.5),
        ([33.0, 98.0], 100.0, LAST_SCRAPE_MAX_S - 2.0),  # seldom: the run does not wait a minute
        ([80.0, 85.0], 100.0, 0.0),  # it has stopped coming
    ],
)
def test_how_long_a_scraper_is_waited_for(came_s, now_s, waits_s):
    """One and a half of its intervals, twenty seconds at most, and not at all where none comes."""
    moments = iter([*came_s, now_s])
    scrapers = Scrapers(lambda: next(moments))
    for _ in came_s:
        scrapers.came()
    assert scrapers.next_within_s() == pytest.approx(waits_s)


class _Wake:
    """A course's event whose waiting moves the clock, and lets a scraper or a second signal come in the meantime."""

    def __init__(self, meanwhile):
        self.now_s, self._meanwhile = 0.0, meanwhile

    def wait(self, timeout_s):
        self.now_s += timeout_s
        self._meanwhile(self.now_s)

    def clear(self):
        pass


@pytest.mark.parametrize(
    ("header", "scraped_at_s", "hurry_at_s", "ends_s"),
    [
        ({SCRAPER: "4"}, 3.0, None, 3.0),
        ({SCRAPER: "4"}, None, None, 7.5),
        ({SCRAPER: "4"}, None, 2.0, 2.0),
        ({}, None, None, 0.0),  # a person's browser
    ],
    ids=["scraped once more", "nobody comes", "a second signal", "no scraper"],
)
def test_the_master_waits_for_the_last_scrape(header, scraped_at_s, hurry_at_s, ends_s):
    """Until it was there, until it is overdue, until somebody is in a hurry."""
    course = SimpleNamespace(hurry=False)

    def meanwhile(now_s):
        if scraped_at_s is not None and now_s >= scraped_at_s:
            door.answer(header)
        course.hurry = hurry_at_s is not None and now_s >= hurry_at_s

    wake = course.wake = _Wake(meanwhile)
    door = ExporterDoor(Exporter(), lambda: wake.now_s)
    for wake.now_s in (-5.0, 0.0):
        door.answer(header)
    door.await_last(course)
    assert wake.now_s == pytest.approx(ends_s, abs=0.3)


def test_reports_are_served_and_nothing_beside_them(tmp_path):
    """A run's report by its names; no path leads out of the folder of runs."""
    folder = tmp_path / "reports" / "smoke" / "20260101T000000Z"
    folder.mkdir(parents=True)
    (tmp_path / "reports" / "report.html").write_text("beside")
    assert report_page(tmp_path / "reports", "smoke", folder.name).status_code == 404
    (folder / "report.html").write_text("<p>done</p>")
    found = report_page(tmp_path / "reports", "smoke", folder.name)
    assert (found.status_code, found.get_data(as_text=True)) == (200, "<p>done</p>")
    for test, stamp in (("..", "reports"), ("smoke", ".."), (".", "."), ("", ""), ("smoke/..", "")):
        assert report_page(tmp_path / "reports", test, stamp).status_code == 404


def test_only_metrics_are_served():
    """Other paths are told where the metrics are; nothing but reading is allowed."""
    door, told = ExporterDoor(Exporter()), []
    for path, method in (("/metrics", "GET"), ("/", "GET"), ("/metrics", "POST")):
        environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_ACCEPT": "*/*"}
        body = b"".join(door.application(environ, lambda status, headers: told.append((status, dict(headers)))))
    assert [status for status, _ in told] == ["200 OK", "404 Not Found", "404 Not Found"]
    assert told[0][1]["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"/metrics" in body
