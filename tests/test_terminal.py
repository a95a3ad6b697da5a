"""A run on a real terminal: one calm view, warnings above it, the verdict after it, and Ctrl-C once and twice."""

from __future__ import annotations

import json
import time

import psutil
import pytest
import running
from terminals import Terminal

from acgs_load.errors import ExitCode

pytestmark = pytest.mark.slow
CTRL_C = b"\x03"
SHORT = ("--test-name", "test", "--test-type", "smoke", "--workers", "1", "--users", "8", "--target", "embedded:0")


@pytest.fixture
def terminal(tmp_path):
    """Starts runs on terminals."""
    opened = []

    def start(columns, lines, *options, **environ):
        opened.append(Terminal(columns, lines, *SHORT, "--output", str(tmp_path), *options, **environ))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def measuring(text):
    """Whether the view stands and shows figures."""
    return "last 10 s" in text or "last 9 s" in text


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (160, 45)])
def test_a_run_on_a_terminal(terminal, tmp_path, columns, lines):
    """The view stands still and is redrawn in place; after it, the verdict and the path of the report."""
    shell = terminal(columns, lines, "--duration", "18s", "--threshold", "latency_p95_ms <= 0.001")
    text = shell.when(lambda text: measuring(text) and "✗ latency_p95_ms" in text)
    for words in ("8 of 8", "RPS", "p50", "errors 0 %", "compliance 100 %", "constitutional", "local", "CPU", "left"):
        assert words in text, text
    assert text.count("test · smoke · http") == 1
    code = shell.finish()
    assert code in (ExitCode.FAILED, ExitCode.INVALID), shell.everything  # INVALID: on a machine that is too busy
    everything = shell.everything
    assert everything.count("test · smoke · http") == 0, "the view was redrawn in place, not scrolled away"
    assert everything.count("latency_p95_ms <= 0.001 does not hold") == 1
    assert f"exit code {code} · 18 of 19 thresholds hold" in everything
    assert everything.rstrip().splitlines()[-1].startswith("report ") or "report.html" in everything[-200:]


def test_ctrl_c_once_ends_the_run_in_order(terminal, tmp_path):
    """Typed on the terminal: nothing measured is lost, nothing goes on running, exit 130."""
    shell = terminal(80, 30, "--duration", "10m")
    shell.when(measuring)
    family = psutil.Process(shell.process.pid).children(recursive=True)
    shell.type(CTRL_C)
    shell.when(lambda text: "again to end it at once" in text, 10)
    assert shell.finish() == ExitCode.INTERRUPTED, shell.everything
    assert "(interrupted)" in shell.everything
    assert "report.html" in shell.everything
    assert not psutil.wait_procs(family, timeout=60)[1]
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("test/*/run.json"))
    assert (record["interrupted"], record["samples_lost"]) == (True, 0)


def test_ctrl_c_twice_ends_it_at_once(terminal, tmp_path):
    """While users still wait for an answer that never comes; what was measured is reported all the same."""
    with running.gateway("--fault", "stall=100:115") as url:
        shell = terminal(80, 30, "--duration", "10m", "--target", url)
        shell.when(lambda text: measuring(text) and "RPS 0.00" in text)  # every user waits
        family = psutil.Process(shell.process.pid).children(recursive=True)
        shell.type(CTRL_C)
        shell.when(lambda text: "again to end it at once" in text, 10)
        time.sleep(1)
        assert shell.process.poll() is None, "users have half a minute to finish"
        began_s = time.monotonic()
        shell.type(CTRL_C)
        status = shell.finish(40)
    took_s = time.monotonic() - began_s
    assert status == ExitCode.INTERRUPTED, shell.everything
    assert took_s < 20, "users were waited for, who have 35 seconds"
    assert not psutil.wait_procs(family, timeout=60)[1]
    assert "report.html" in shell.everything
    assert "Traceback" not in shell.everything


@pytest.mark.parametrize(("options", "environ"), [(("--no-live",), {}), ((), {"NO_COLOR": "1"}), ((), {"CI": "true"})])
def test_who_wants_lines_gets_lines(terminal, options, environ):
    """On a terminal too: no view that moves, a line every ten seconds."""
    shell = terminal(120, 60, "--duration", "13s", "--no-analysis", *options, **environ)
    assert shell.finish() == ExitCode.PASSED, shell.everything
    assert "[   " in shell.everything
    assert "8 users ·" in shell.everything or "users · " in shell.everything
    assert "quality" not in shell.everything
