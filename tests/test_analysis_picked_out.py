"""An operation that fails where others do not is told, though its errors are too few to fail the run."""

import pytest
from run_fixture import RunFixture, plan_of

from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.contract import OPERATIONS, Outcome


def told(path, failures):
    """Verdict and warnings of this kind, where ``failures`` (operation → how many, how) came beside what went well."""
    fixture = RunFixture(path / "run", plan_of()).steady(each=4)
    for operation, (count, outcome) in failures.items():
        fixture.add(10, operation, [10.0] * count, outcome)
    report = report_of(load_run(fixture.write()))
    return report.verdict.status, [text for text in report.warnings if "pick out" in text]


@pytest.mark.parametrize("outcome", [Outcome.HTTP_ERROR, Outcome.THROTTLED, Outcome.TIMEOUT])
def test_errors_that_pick_out_an_operation_are_told(tmp_path, outcome):
    """Every seventh forged signature crashes the target: 0.8 % of all answers, and no threshold minds."""
    status, warnings = told(tmp_path, {"crypto_validate": (15, outcome)})
    assert status == "PASS"
    assert len(warnings) == 1
    assert "13% of crypto_validate" in warnings[0]


@pytest.mark.parametrize(
    "failures",
    [
        {},
        {"crypto_validate": (4, Outcome.HTTP_ERROR)},
        {"crypto_validate": (8, Outcome.HTTP_ERROR)},
        {"verification_status": (15, Outcome.HTTP_ERROR)},
        {name: (30, Outcome.HTTP_ERROR) for name, row in OPERATIONS.items() if row.scenario},
    ],
    ids=["none", "few", "a small share", "nothing is judged by it", "all alike"],
)
def test_errors_that_pick_out_nothing_are_not(tmp_path, failures):
    """A few by chance, those of operations that no oracle looks at, and those of a target that fails everywhere."""
    assert told(tmp_path, failures)[1] == []
