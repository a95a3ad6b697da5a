"""The stranger's solver desk: SMT-LIB in, a verdict and an exact model out. One proof at a time."""

from __future__ import annotations

import re
import threading
from typing import Any, Final, NamedTuple

import z3
from stranger_logic import RefusedError, invalid

TERM_BYTES: Final = 16 * 1024
SOLVER_MS: Final = 5_000
SORTS: Final = frozenset({"Bool", "Int", "Real"})
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TOKEN: Final = re.compile(r'[ \t\r\n]+|;[^\n]*|([()]|"(?:[^"]|"")*"|\|[^|\\]*\||[^ \t\r\n()";|]+)')
DROPPED: Final = frozenset({"set-logic", "set-info", "set-option", "check-sat", "get-model"})
RESERVED: Final = re.compile(
    "_|par|let|as|exists|forall|match|lambda|BINARY|DECIMAL|HEXADECIMAL|NUMERAL|STRING|true|false|not|and|or|xor|"
    "implies|iff|if|ite|distinct|div|mod|rem|abs|to_real|to_int|is_int"
)

Constants = list[tuple[str, str]]


class Verdict(NamedTuple):
    """What Z3 said; `model` names every declared constant and is there only after "sat"."""

    result: str
    model: dict[str, Any] | None


class SolverDesk:
    """Z3 behind one lock, with a count of who waits and what is done."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self.waiting = 0
        self.completed = 0

    def ask(self, constants: Constants, script: list[str], timeout_ms: int) -> Verdict:
        """Decide a script of declarations and assertions."""
        with self._count:
            self.waiting += 1
        try:
            with self._turn:
                return _decide(constants, "\n".join(script), timeout_ms)
        finally:
            with self._count:
                self.waiting -= 1
                self.completed += 1


def _decide(constants: Constants, script: str, timeout_ms: int) -> Verdict:
    if not re.fullmatch(r"[\t\r\n -~]*", script):
        raise invalid("SMT-LIB besteht hier aus druckbarem ASCII")
    solver = z3.Solver(ctx=z3.Context())
    solver.set(timeout=timeout_ms)
    try:
        if script:
            solver.from_string(script)
    except z3.Z3Exception as problem:
        raise invalid(f"Z3 versteht das nicht: {problem}") from None
    try:
        result = str(solver.check())
        if result != "sat":
            return Verdict(result, None)
        model = _model(solver, constants)
    except z3.Z3Exception:
        return Verdict("unknown", None)
    return Verdict("sat", model)


def _model(solver: Any, constants: Constants) -> dict[str, Any] | None:
    """The values, or None where one of them is no rational number and so cannot be told exactly."""
    makers = {"Bool": z3.Bool, "Int": z3.Int, "Real": z3.Real}
    model = solver.model()
    values: dict[str, Any] = {}
    for name, sort in constants:
        value = model.eval(makers[sort](name, solver.ctx), model_completion=True)
        if z3.is_true(value) or z3.is_false(value):
            values[name] = z3.is_true(value)
        elif z3.is_int_value(value):
            values[name] = value.as_long()
        elif z3.is_rational_value(value):
            over, under = value.numerator_as_long(), value.denominator_as_long()
            values[name] = str(over) if under == 1 else f"{over}/{under}"
        else:
            return None
    return values


def expressions(source: str) -> list[list[str]]:
    """The top-level expressions of an SMT-LIB text, each as its tokens, comments left out."""
    found: list[list[str]] = []
    depth = at = 0
    while at < len(source):
        hit = TOKEN.match(source, at)
        if hit is None:
            raise invalid("ein Anführungszeichen bleibt offen")
        at = hit.end()
        token = hit[1]
        if token is None:
            continue
        if depth == 0:
            found.append([])
        found[-1].append(token)
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            raise invalid("eine Klammer zu viel")
    if depth:
        raise invalid("eine Klammer zu wenig")
    return found


def assertion(term: str, *, negated: bool = False) -> str:
    """One term as an assertion; anything but exactly one term is refused."""
    parts = expressions(term)
    if len(parts) != 1:
        raise invalid("hier steht nicht genau ein SMT-LIB-Term")
    text = " ".join(parts[0])
    return f"(assert (not {text}))" if negated else f"(assert {text})"


def declared(declarations: Any) -> tuple[Constants, list[str]]:
    """The constants of a `declarations` object, and the commands that declare them."""
    if not isinstance(declarations, dict):
        raise invalid("„declarations“ muss ein Objekt sein")
    constants: Constants = []
    for name, sort in declarations.items():
        _admit(constants, set(), name, sort)
    return constants, [f"(declare-const {name} {sort})" for name, sort in constants]


def _admit(constants: Constants, taken: set[str], name: str, sort: Any) -> None:
    if not NAME.fullmatch(name) or RESERVED.fullmatch(name) or name in taken:
        raise invalid(f"„{name}“ taugt nicht als Name")
    if not isinstance(sort, str) or sort not in SORTS:
        raise invalid("es gibt nur die Sorten Bool, Int und Real")
    constants.append((name, sort))
    taken.add(name)


def terms(value: Any, *more: str) -> list[str]:
    """A list of terms, whose whole size (with `more`) stays under the limit."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("„constraints“ muss eine Liste von Texten sein")
    small_enough(*value, *more)
    return value


def small_enough(*texts: str) -> None:
    if sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) > TERM_BYTES:
        raise RefusedError(413, "payload_too_large", "mehr als 16 KiB SMT-LIB")


def obligation(smtlib: str) -> tuple[Constants, list[str]]:
    """The constants and the effective commands of an obligation; commands outside the contract's list: 422."""
    small_enough(smtlib)
    constants: Constants = []
    taken: set[str] = set()
    script: list[str] = []
    for tokens in expressions(smtlib):
        if len(tokens) < 3 or tokens[0] != "(":
            raise invalid("hier steht kein SMT-LIB-Befehl")
        command = tokens[1]
        if command == "exit":
            break
        if command in DROPPED:
            continue
        if command in ("declare-const", "declare-fun"):
            _declaration(tokens, constants, taken)
        elif command == "define-fun":
            if not NAME.fullmatch(tokens[2]) or RESERVED.fullmatch(tokens[2]) or tokens[2] in taken:
                raise invalid(f"„{tokens[2]}“ taugt nicht als Name")
            taken.add(tokens[2])
        elif command != "assert":
            raise invalid(f"der Befehl „{command}“ ist nicht erlaubt")
        script.append(" ".join(tokens))
    return constants, script


def _declaration(tokens: list[str], constants: Constants, taken: set[str]) -> None:
    nullary = tokens[3:5] == ["(", ")"] if tokens[1] == "declare-fun" else True
    place = 5 if tokens[1] == "declare-fun" else 3
    if not nullary or len(tokens) != place + 2:
        raise invalid("nur Konstanten von Bool, Int und Real lassen sich erklären")
    _admit(constants, taken, tokens[2], tokens[place])
