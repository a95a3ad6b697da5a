"""The formulas of a run, written down for a generator that is no Python: the same requests with the same verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from acgs_load.traffic.user.proofs import ProofBook, Verification

FORMULAS = 96
"""Every family, verdict and spelling. Not all of them: k6 has to read the sheet once for each user."""


def write_proof_sheet(seed: int, path: Path) -> None:
    """The first ``FORMULAS`` of each kind of a run with ``seed``, as one JSON object. Raises OSError."""
    book = ProofBook(seed)
    numbers = range(FORMULAS)
    sheet: dict[str, list[dict[str, Any]]] = {
        "compliance": [_verification(book.compliance(number)) for number in numbers],
        "consistency": [_verification(book.consistency(number)) for number in numbers],
        "obligations": [],
        "constraints": [],
    }
    for number in numbers:
        obligation, constraints = book.obligation(number), book.constraints(number)
        sheet["obligations"].append({"smtlib": obligation.smtlib, "valid": obligation.valid})
        sheet["constraints"].append({"body": constraints.body.decode(), "satisfiable": constraints.satisfiable})
    path.write_bytes(orjson.dumps(sheet))


def _verification(verification: Verification) -> dict[str, Any]:
    content = orjson.dumps(verification.content).decode()
    return {"content": content, "compliant": verification.compliant, "solver_result": verification.solver_result}
