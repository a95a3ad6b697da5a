"""How the fake target hashes, solves and decides: by the contract, on its own, without a line of the checker's."""

import functools
import hashlib
import json

import z3


def canonical(value):
    """Canonical JSON by the standard library."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha(value):
    """Hex SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def solve(declarations, terms):
    """z3's verdict and, where it is sat, the model as the contract spells it."""
    lines = [f"(declare-const {name} {sort})" for name, sort in declarations.items()]
    return solve_script("\n".join([*lines, *(f"(assert {term})" for term in terms)]), declarations)


def solve_script(script, declarations):
    """The same for a whole script; solved once per test session, as the suite's own contents come again and again."""
    verdict, model = _solved(script, tuple(declarations.items()))
    return verdict, None if model is None else dict(model)


@functools.cache
def _solved(script, declarations):
    solver = z3.Solver()
    solver.from_string(script)
    verdict = str(solver.check())
    if verdict != "sat":
        return verdict, None
    constant = {"Bool": z3.Bool, "Int": z3.Int, "Real": z3.Real}
    values = {}
    for name, sort in declarations:
        value = solver.model().eval(constant[sort](name), model_completion=True)
        if sort == "Bool":
            values[name] = z3.is_true(value)
        elif sort == "Int":
            values[name] = value.as_long()
        else:
            values[name] = str(value.as_fraction())
    return verdict, values


def holds(condition, decision):
    """One condition, by the letter of the contract."""
    found = decision
    for name in condition["field"].split("."):
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    value, op = condition["value"], condition["op"]
    if op == "in":
        return any(kind(found) == kind(element) and found == element for element in value)
    if kind(found) != kind(value):
        return False
    return {"==": found == value, "!=": found != value}.get(op) if op in ("==", "!=") else compare(op, found, value)


def kind(value):
    """The type of a value, as the rule language sees it."""
    return "number" if type(value) in (int, float) else type(value).__name__


def compare(op, left, right):
    """An order, of numbers and texts only."""
    if kind(left) not in ("number", "str"):
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]
