"""What GitHub Actions shows of a run: the step summary, and annotations on the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from acgs_load.analysis.render_markdown import to_markdown
from acgs_load.analysis.report import Report
from acgs_load.analysis.wording import shortened
from acgs_load.errors import UsageError

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
ANNOTATIONS_MAX = 10
"""GitHub shows ten of a kind in a step."""
TEXT_MAX = 1_000


def announce(report: Report, environ: Mapping[str, str], stream: TextIO | None) -> None:
    """Append the Markdown to the step summary, where there is one, and write the annotations to ``stream``.

    Raises UsageError where the summary cannot be written.
    """
    if place := environ.get(SUMMARY_VARIABLE):
        try:
            with Path(place).open("a", encoding="utf-8") as file:
                file.write(to_markdown(report) + "\n")
        except OSError as error:
            raise UsageError(f"{SUMMARY_VARIABLE}: {place} cannot be written ({error.strerror})") from error
    for line in notices(report):
        print(line, file=stream)


def notices(report: Report) -> Iterator[str]:
    """An ``::error`` a reason, a ``::warning`` a warning; the last of many says how many more there are."""
    kinds = (("error", report.verdict.reasons), ("warning", report.warnings))
    for kind, texts in kinds:
        title = _property(f"{report.verdict.status}: {report.facts.name}" if kind == "error" else report.facts.name)
        shown = list(texts[:ANNOTATIONS_MAX])
        if len(texts) > ANNOTATIONS_MAX:
            shown[-1] = f"{len(texts) - ANNOTATIONS_MAX + 1} more in report.html"
        for text in shown:
            yield f"::{kind} title={title}::{_message(shortened(text, TEXT_MAX))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
