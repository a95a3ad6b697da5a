"""The solver process: reads questions from stdin, one JSON line each, asks Z3, writes one JSON line for each.

It runs apart from the server so that a question that hangs, eats memory or kills Z3 costs one process and no
request but its own. It ends when its parent does. Only this module imports Z3.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from typing import Any

import z3

MEMORY_LIMIT_MB = 512
"""What Z3 may allocate; beyond it the answer is unknown and the process is replaced."""
ADDRESS_SPACE_LIMIT_BYTES = 4 * 1024**3
QUESTIONS_PER_CONTEXT = 2_000
"""A context keeps every symbol it ever saw; a fresh one now and then bounds that."""
SIMPLE_SHARE_S = 0.05
"""Time for the plain core, which is quickest on small formulas, before the full portfolio has its turn."""


class Questions:
    """Z3 contexts over time: one for many questions, a private one for a question that defines functions.

    Z3 keeps definitions in the context; under the same name they would leak into the next question's models.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._context = z3.Context()

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The verdict on one question, or ``error`` when Z3 cannot read it."""
        deadline = time.monotonic() + question["timeout_ms"] / 1000
        context = self._context_for(question["text"])
        try:
            return _solve(question, deadline, context)
        except z3.Z3Exception as error:
            reason = _reason(error)
            if "memory" in reason:
                return {"result": "unknown", "fatal": True}
            if "canceled" in reason or "timeout" in reason:
                return {"result": "unknown"}
            return {"error": reason}

    def _context_for(self, text: str) -> Any:
        if "(define-fun " in text:
            return z3.Context()
        self._asked += 1
        if self._asked % QUESTIONS_PER_CONTEXT == 0:
            self._context = z3.Context()
        return self._context


def _solve(question: dict[str, Any], deadline: float, context: Any) -> dict[str, Any]:
    text = question["text"]
    simple_s = min(SIMPLE_SHARE_S, max(0.001, deadline - time.monotonic()))
    solver = z3.SimpleSolver(ctx=context)
    solver.set("timeout", max(1, int(simple_s * 1000)))
    solver.from_string(text)
    verdict = solver.check()
    remaining_s = deadline - time.monotonic()
    if verdict == z3.unknown and remaining_s > 0.001:
        assertions = solver.assertions()
        solver = z3.Solver(ctx=context)
        solver.set("timeout", int(remaining_s * 1000))
        solver.add(assertions)
        verdict = solver.check()
    if verdict != z3.sat:
        return {"result": "unsat" if verdict == z3.unsat else "unknown"}
    if question.get("falsify"):
        return _falsified(solver, question["constants"], context)
    return _satisfied(solver, question["constants"], context)


def _satisfied(solver: Any, constants: dict[str, str], context: Any) -> dict[str, Any]:
    """The model on every constant, and whether Z3 itself finds each assertion true in it."""
    model = solver.model()
    confirmed = all(z3.is_true(model.eval(assertion, model_completion=True)) for assertion in solver.assertions())
    values = {name: _value(model, name, sort, context) for name, sort in constants.items()}
    if None in values.values():  # an irrational value has no form in the contract
        return {"result": "sat", "model": None, "confirmed": confirmed}
    return {"result": "sat", "model": values, "confirmed": confirmed}


def _falsified(solver: Any, constants: dict[str, str], context: Any) -> dict[str, Any]:
    """For a planted defect only: values that make an assertion false; true ones where none do."""
    denial = z3.SimpleSolver(ctx=context)
    denial.set("timeout", 1000)
    denial.add(z3.Not(z3.And(*solver.assertions(), z3.BoolVal(True, ctx=context))))
    if denial.check() != z3.sat:
        return _satisfied(solver, constants, context)
    return {**_satisfied(denial, constants, context), "confirmed": False}


def _value(model: Any, name: str, sort: str, context: Any) -> bool | int | str | None:
    """A constant's value as the contract writes it; None for a value that it cannot write."""
    sorts = {"Bool": z3.BoolSort, "Int": z3.IntSort, "Real": z3.RealSort}
    value = model.eval(z3.Const(name, sorts[sort](context)), model_completion=True)
    if sort == "Bool":
        return bool(z3.is_true(value))
    try:
        if z3.is_int_value(value):
            return int(value.as_long())
        if z3.is_rational_value(value):
            numerator, denominator = value.numerator_as_long(), value.denominator_as_long()
            return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"
    except ValueError:  # more digits than Python reads
        return None
    return None


def _reason(error: Any) -> str:
    value = error.value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _end_with_parent(parent: int) -> None:
    """Ends this process within a second of its parent's death, whatever Z3 is busy with."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    """Answers questions until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever Z3 prints must not land among the answers
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_LIMIT_BYTES, ADDRESS_SPACE_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    z3.set_param("memory_max_size", MEMORY_LIMIT_MB)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    questions = Questions()
    questions.answer({"text": "(declare-const x Int)(assert (> x 1))", "constants": {"x": "Int"}, "timeout_ms": 1000})
    answers.write(json.dumps({"version": z3.get_version_string()}).encode() + b"\n")
    for line in sys.stdin.buffer:
        answer = questions.answer(json.loads(line))
        answers.write(json.dumps(answer).encode() + b"\n")
        if answer.get("fatal"):
            os._exit(0)


if __name__ == "__main__":
    main()
