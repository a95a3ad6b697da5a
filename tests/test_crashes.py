"""The crash trials' own judgement, and a few of the trials."""

import signal
from dataclasses import replace

import pytest
from crashes.draws import VICTIMS, draw
from crashes.trial import run_trial
from crashes.verdicts import Remains, shortcomings

KILLED = replace(draw(1, 1), victim="master")
REPORT = {
    "verdict": "INVALID",
    "exit_code": 130,
    "interrupted": True,
    "operations": [{"requests": 190, "resent": 2}],
}
SOUND = Remains(
    code=130,
    terminal="interrupted",
    report=REPORT,
    report_code=130,
    report_terminal="",
    had_windows=True,
    sent=200,
    survivors=[],
    next_code=0,
    next_terminal="",
    scratch=[],
)


def found(**changed):
    return list(shortcomings(KILLED, True, replace(SOUND, **changed)))


def test_draws_are_repeatable_and_everybody_has_a_turn():
    """The same seed and number give the same trial; other seeds other moments."""
    trials = [draw(1, number) for number in range(40)]
    assert trials == [draw(1, number) for number in range(40)] != [draw(2, number) for number in range(40)]
    assert {trial.victim for trial in trials} == set(VICTIMS)
    assert {trial.signal for trial in trials} == {signal.SIGKILL, signal.SIGTERM}


def test_a_sound_ending_has_no_shortcoming():
    """Interrupted, a report of all but a moment, nothing left."""
    assert found() == []


def test_a_runner_may_die_of_its_signal_before_anything_was_sent():
    """And not afterwards."""
    asked = replace(KILLED, victim="runner", signal=signal.SIGTERM)
    early = replace(SOUND, code=-15, report=None, report_code=5, had_windows=False, sent=0)
    assert list(shortcomings(asked, True, early)) == []
    assert any("exit code -15" in text for text in shortcomings(asked, True, replace(SOUND, code=-15)))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"code": 0, "report": {**REPORT, "verdict": "PASS", "interrupted": False, "exit_code": 0}, "report_code": 0},
         "PASS, though 8 of 200"),
        ({"code": 1}, "exit code 1, expected one of"),
        ({"code": 2}, "exit code 2"),
        ({"terminal": "Traceback (most recent call last)"}, "a traceback"),
        ({"terminal": " \n"}, "not a word"),
        ({"report": None, "report_code": 5}, "no report of what was measured"),
        ({"report": None, "report_code": 5, "had_windows": False}, "200 of 200 requests are lost"),
        ({"report": None, "report_code": 1, "had_windows": False, "sent": 0}, "ended with 1 and without a report"),
        ({"report_code": 4}, "the report says exit code 130"),
        ({"sent": 400}, "208 of 400 requests are lost"),
        ({"sent": 150}, "-42 of 150"),
        ({"survivors": ["python -m locust --worker"]}, "still running"),
        ({"next_code": 3, "next_terminal": "port taken"}, "the next command ended with 3: port taken"),
        ({"scratch": ["acgs-x"]}, "left in the temporary folder: acgs-x"),
    ],
)  # fmt: skip
def test_each_shortcoming_is_told(changed, words):
    """Whatever is wrong is said in words."""
    assert any(words in text for text in found(**changed)), found(**changed)


@pytest.mark.matrix
@pytest.mark.parametrize("number", range(5))
def test_a_few_trials(number):
    """One of each victim, other moments than those of `make crashes`."""
    assert run_trial(draw(2, number)).complaints == ()
