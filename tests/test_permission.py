"""Nobody floods a stranger by a typo: a target that is not this machine is loaded only where somebody said so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from locust_processes import Locust, free_port

from acgs_load import cli, cli_permission, session
from acgs_load.errors import UsageError
from acgs_load.permission import demand_permission, host_of, is_loopback, memory_place, plain_host, remembered
from acgs_load.settings import resolve

PROJECT = Path(__file__).resolve().parents[1]
STRANGER = "https://acgs.prod.com"
"""Of the promise; no test sends it anything."""


@pytest.fixture
def started(monkeypatch):
    """The targets of the runs that the door starts; nothing is really started."""
    targets = []

    def start(plan, _):
        targets.append(plan.target)
        demand_permission(plan.target, plan.allowed_targets)  # wherever it is played
        return 0

    monkeypatch.setattr(session, "run", start)
    return targets


@pytest.fixture
def door(tmp_path, monkeypatch):
    """The main door with a home of its own; ``typed`` is what a person at the terminal answers."""
    monkeypatch.chdir(tmp_path)

    def run(*flags, typed=None, **environ):
        questions = []

        def ask(question):
            questions.append(question)
            if typed == "":
                raise EOFError
            return f"{typed}\n"

        monkeypatch.setattr(cli_permission, "terminal", lambda: None if typed is None else ask)
        code = cli.run_load_test(["--test-name", "t", *flags], {"HOME": str(tmp_path / "home"), **environ})
        return code, questions

    return run


@pytest.mark.parametrize(
    ("url", "host", "here"),
    [
        ("http://localhost:8080", "localhost", True),
        ("http://LOCALHOST", "localhost", True),
        ("http://a.localhost/x", "a.localhost", True),
        ("http://127.0.0.1:8080", "127.0.0.1", True),
        ("http://127.9.9.9", "127.9.9.9", True),
        ("http://[::1]:1", "::1", True),
        ("http://0.0.0.0", "0.0.0.0", False),
        ("http://127.0.0.1.evil.com", "127.0.0.1.evil.com", False),
        ("http://localhost.evil.com", "localhost.evil.com", False),
        ("http://notlocalhost", "notlocalhost", False),
        ("http://10.0.0.1", "10.0.0.1", False),
        ("http://2130706433", "2130706433", False),
        ("http://[2001:DB8::1]:80", "2001:db8::1", False),
        ("https://Bücher.test.", "xn--bcher-kva.test", False),
    ],
)
def test_what_this_machine_is_called(url, host, here):
    """By its very name, not by what a name server makes of it."""
    assert (host_of(url), is_loopback(host_of(url))) == (host, here)


def test_a_stranger_is_refused_in_one_line_that_says_what_to_add(door, started, tmp_path, capsys):
    """Exit code 2, no folder, nothing started; a dry run tells it too, and ends well."""
    assert door("--target", STRANGER) == (2, [])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    for word in ("acgs.prod.com", "--i-may-load acgs.prod.com", "ALLOWED_TARGETS", "ACGS_ALLOWED_TARGETS="):
        assert word in lines[0]
    assert (started, list(tmp_path.iterdir())) == ([], [])
    assert door("--target", STRANGER, "--dry-run")[0] == 0
    assert "--i-may-load acgs.prod.com" in capsys.readouterr().out


def test_the_flag_is_needed_once(door, started, tmp_path):
    """It is remembered for that host, in a file of the user, and for no other."""
    assert door("--target", STRANGER, "--i-may-load", "ACGS.prod.com")[0] == 0
    assert (tmp_path / "home/.config/acgs-load/allowed-targets").read_text() == "acgs.prod.com\n"
    assert door("--target", f"{STRANGER}:8443/base")[0] == 0
    assert door("--target", "https://acgs.prod.com.evil.com")[0] == 2
    assert door("--target", STRANGER, "--i-may-load", "acgs.prod.com")[0] == 0
    assert (tmp_path / "home/.config/acgs-load/allowed-targets").read_text() == "acgs.prod.com\n"
    assert started == [STRANGER, f"{STRANGER}:8443/base", STRANGER]


def test_file_and_variable_allow_and_are_not_remembered(door, started, tmp_path):
    """What stands in a configuration holds as long as it stands there."""
    (tmp_path / "c.json").write_text(f'{{"TARGET_HOST": "{STRANGER}", "ALLOWED_TARGETS": ["acgs.prod.com"]}}')
    assert door("--config-file", "c.json")[0] == 0
    assert door("--target", STRANGER, ACGS_ALLOWED_TARGETS=" other.test, acgs.prod.com,")[0] == 0
    assert door("--target", STRANGER)[0] == 2
    assert len(started) == 2


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("Yes ", 0), ("n", 2), ("", 2), ("yellow", 2)])
def test_a_person_at_the_terminal_is_asked_once(door, started, typed, code):
    """The promised command works as written; only yes counts, and is remembered."""
    first, questions = door("--target", STRANGER, "--users", "500", typed=typed)
    assert first == code
    assert len(questions) == 1
    assert "May you load acgs.prod.com (500 users for 30m)?" in questions[0]
    again, asked = door("--target", STRANGER, typed="n")
    assert (again, len(asked)) == (code, int(code == 2))
    assert len(started) == (2 if code == 0 else 0)


@pytest.mark.parametrize("target", ["http://127.0.0.1:9", "http://localhost", "http://[::1]", "embedded"])
def test_this_machine_needs_no_permission(door, started, target):
    """Nobody is asked."""
    assert door("--target", target, typed="n") == (0, [])
    assert len(started) == 1


def test_what_cannot_be_remembered_is_allowed_all_the_same(door, started, tmp_path, capsys):
    """A read-only home is a warning, not a refusal."""
    (tmp_path / "home").write_text("no folder")
    assert door("--target", STRANGER, "--i-may-load", "acgs.prod.com")[0] == 0
    assert "not remembered" in capsys.readouterr().err
    assert len(started) == 1


def test_a_memory_that_cannot_be_read_is_one_line(door, started, tmp_path, capsys):
    """Rather than a permission that nobody gave."""
    place = memory_place({"HOME": str(tmp_path / "home")})
    place.parent.mkdir(parents=True)
    place.write_bytes(b"\xff\xfe")
    assert door("--target", STRANGER)[0] == 2
    assert "allowed-targets: cannot be read" in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/acgs-load/allowed-targets"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/acgs-load/allowed-targets"),
        ({"HOME": "/h"}, "/h/.config/acgs-load/allowed-targets"),
    ],
)
def test_where_it_is_remembered(environ, place):
    """In the user's folder of settings."""
    assert memory_place(environ) == Path(place)


def test_comments_and_blank_lines_allow_nobody(tmp_path):
    """The file may be edited by hand."""
    (tmp_path / "m").write_text("# mine\n\n Acgs.Prod.com \n[2001:DB8::1]\n")
    assert remembered(tmp_path / "m") == {"acgs.prod.com", "2001:db8::1"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("https://acgs.prod.com/x", "did you mean acgs.prod.com?"),
        ("acgs.prod.com:443", "without scheme, port and path"),
        ("*", "must be host names"),
        ("*.prod.com", "must be host names"),
        ("", "must be host names"),
        ("a b", "must be host names"),
        ("http://[::1", "IPv6"),
    ],
)
def test_what_is_no_host_is_refused(value, said):
    """In one line, at every source."""
    with pytest.raises(UsageError, match=said.replace("?", r"\?")) as caught:
        resolve({"allowed_targets": [value]}, {})
    assert "\n" not in str(caught.value)


def test_hosts_are_told_apart_as_urls_tell_them():
    """A permission for one is none for another that looks like it."""
    assert plain_host("[::1]") == "::1"
    demand_permission("http://Bücher.test:1/x", {plain_host("bücher.test")})
    with pytest.raises(UsageError):
        demand_permission("http://bucher.test", {plain_host("bücher.test")})


@pytest.mark.slow
def test_a_real_terminal_is_asked(tmp_path):
    """Through a pseudo-terminal: the question is put, ``n`` refuses, nothing is left."""
    leader, follower = pty.openpty()
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
    command = [sys.executable, "run_load_test.py", "--target", STRANGER, "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environ, stdin=follower, stdout=subprocess.PIPE, stderr=follower
    )
    os.close(follower)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(leader, 1024)
    os.write(leader, b"n\n")
    assert process.wait(30) == 2
    process.stdout.close()
    os.close(leader)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_bare_locust_asks_for_it_too(tmp_path):
    """``locust -f locustfile.py --host STRANGER``: exit code 2, one line, no run folder."""
    run = Locust(tmp_path, None, HOME=str(tmp_path)).start("--headless", "--host", STRANGER)
    assert run.wait() == 2
    assert "nobody has said that acgs.prod.com may be loaded" in run.log
    assert not list(tmp_path.rglob("plan.json"))


@pytest.mark.slow
def test_the_web_ui_starts_nothing_against_a_stranger(tmp_path):
    """A host typed into the form is refused in the form's own answer; one that is allowed is not."""
    port = free_port()
    environ = {"ACGS_TEST_TYPE": "smoke", "ACGS_ANALYSIS": "false", "HOME": str(tmp_path)}
    run = Locust(tmp_path, None, ACGS_TARGET_HOST="http://127.0.0.1:9", **environ)
    run.start("--web-host", "127.0.0.1", "--web-port", str(port)).when("Starting web interface")
    form = {"user_count": "1", "spawn_rate": "1", "run_time": "10s"}
    try:
        url = f"http://127.0.0.1:{port}/swarm"
        refused = _patiently(lambda: requests.post(url, data={**form, "host": STRANGER}, timeout=30)).json()
        assert refused["success"] is False
        assert "acgs.prod.com may be loaded" in refused["message"]
        assert not list(tmp_path.rglob("plan.json"))
        assert requests.post(url, data={**form, "host": "http://127.0.0.1:9"}, timeout=30).json()["success"]
    finally:
        run.stop()


def _patiently(ask, tries=50):
    """The answer of a server that is just starting."""
    for _ in range(tries):
        try:
            return ask()
        except requests.ConnectionError:
            time.sleep(0.2)
    return ask()
