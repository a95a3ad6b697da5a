"""The report as JUnit XML, for tools that show test cases: one case a threshold, one for trust in the run.

Nobody owns the format; what is written here keeps to the schema of Jenkins' xUnit plugin (``junit-10.xsd``).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree  # nosec B405  # writes only

from acgs_load.analysis.comparing.baseline import Comparison
from acgs_load.analysis.comparing.regressions import change_text
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.render_json import timestamp
from acgs_load.analysis.report import Report
from acgs_load.analysis.wording import value_text

_ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(report: Report) -> str:
    """A ``testsuites`` document. A threshold that does not decide the verdict is skipped, never failed."""
    facts, rows = report.facts, report.verdict.findings
    suites = ElementTree.Element("testsuites", name="acgs-load")
    suite = ElementTree.SubElement(suites, "testsuite", name=_clean(facts.name))
    duration = None if facts.duration_s is None else f"{facts.duration_s:.3f}"
    known = {"hostname": _clean(facts.target), "timestamp": timestamp(facts.started_s), "time": duration}
    for name, value in known.items():
        if value:
            suite.set(name, value)
    untrusted = report.verdict.status == "INVALID"
    _trust(suite, report, untrusted)
    for row in rows:
        _case(suite, row)
    failed = sum(1 for row in rows if row.decides and row.state != "pass")
    compared = report.comparison is not None and report.comparison.decides
    if report.comparison is not None and compared:
        failed += _compared(suite, report.comparison)
    for name, count in (("tests", len(rows) + 1 + compared), ("failures", failed), ("errors", int(untrusted))):
        suite.set(name, str(count))
        suites.set(name, str(count))
    suite.set("skipped", str(sum(1 for row in rows if not row.decides and row.state != "pass")))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _trust(suite: ElementTree.Element, report: Report, untrusted: bool) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname="trust", name="results are trustworthy")
    if untrusted:
        reason = _clean(next(iter(report.verdict.reasons), "INVALID"))
        error = ElementTree.SubElement(case, "error", type="invalid", message=reason)
        error.text = _clean("\n".join(report.verdict.reasons))


def _compared(suite: ElementTree.Element, comparison: Comparison) -> int:
    """A case for the comparison with the baseline; gives 1 where it failed."""
    name = f"no figure worse than the baseline's by more than {100 * comparison.max_regression:g} %"
    case = ElementTree.SubElement(suite, "testcase", classname="baseline", name=name)
    if not comparison.beyond:
        return 0
    worst = _clean(change_text(comparison.beyond[0]))
    failure = ElementTree.SubElement(case, "failure", type="regression", message=worst)
    failure.text = _clean("\n".join(change_text(change) for change in comparison.beyond))
    return 1


def _case(suite: ElementTree.Element, row: Judged) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname="thresholds", name=_clean(row.expression))
    said = f"measured {value_text(row.value, row.unit)}, limit {row.comparison} {value_text(row.limit, row.unit)}"
    if row.state == "pass":
        return
    kind = "failure" if row.decides else "skipped"
    ElementTree.SubElement(case, kind, type=row.state, message=_clean(f"{said}. {row.note}".rstrip(". ")))


def _clean(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
