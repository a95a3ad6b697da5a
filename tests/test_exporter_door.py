"""Where the exporter is found, and how long the master waits to be asked once more."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from course_fixture import plan_of

from acgs_load.errors import TargetError
from acgs_load.session_ports import with_exporter_port
from acgs_load.traffic.engine.web_report import report_page
from acgs_load.traffic.master import exporter_door
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


@pytest.mark.parametrize("web_ui", [False, True])
def test_the_usual_port_may_be_another_run_s(web_ui):
    """One warning, and the run goes on without metrics; with a web UI they are there, and nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        plan = plan_of(exporter_port=stranger.getsockname()[1], web_ui=web_ui)
        said = []
        chosen = with_exporter_port(plan, said.append)
    assert chosen.exporter_port == 0
    assert len(said) == (0 if web_ui else 1)
    assert web_ui or ("EXPORTER_PORT" in said[0] and "publishes no metrics" in said[0])


def test_a_port_that_was_named_is_not_replaced():
    """Taken: nothing is sent. Free: it is the one."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        plan = plan_of(exporter_port=port, origins={"EXPORTER_PORT": "flag --exporter-port"})
        with pytest.raises(TargetError, match=f"EXPORTER_PORT {port} is taken"):
            with_exporter_port(plan, pytest.fail)
    assert with_exporter_port(plan, pytest.fail).exporter_port == port


def test_only_a_named_port_is_open_to_other_machines(monkeypatch):
    """Loopback where nobody said anything, nothing at all beside a web UI, everywhere where the port was named."""
    opened = []
    server = SimpleNamespace(start=lambda: None)
    monkeypatch.setattr(exporter_door, "WSGIServer", lambda address, *_, **__: opened.append(address) or server)
    door = ExporterDoor(Exporter())
    for origin, headless in (("default", True), ("default", False), ("env ACGS_EXPORTER_PORT", False)):
        door.serve(plan_of(exporter_port=9646, origins={"EXPORTER_PORT": origin}), headless)
    door.serve(plan_of(exporter_port=0), True)
    assert opened == [("127.0.0.1", 9646), ("0.0.0.0", 9646)]


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
