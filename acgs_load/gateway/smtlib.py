"""SMT-LIB as clients may send it: read, checked and written anew before any of it reaches a solver.

Only the commands of the contract pass, only the sorts Bool, Int and Real, only plain names. Options and logics are
checked for form and dropped: they could change files or the meaning of a verdict. What a term means is Z3's affair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

SORTS = frozenset({"Bool", "Int", "Real"})
DEPTH_MOST = 256
"""Nesting beyond this is refused, so that no recursive reader behind us can run out of stack."""
REMEMBERED = 1024
"""Texts whose reading is kept, because clients send the same ones again and again."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = frozenset(
    {"_", "as", "let", "exists", "forall", "match", "par", "true", "false", "not", "and", "or", "xor", "ite", "abs"}
    | {"distinct", "div", "mod", "to_real", "to_int", "is_int", "BINARY", "DECIMAL", "HEXADECIMAL", "NUMERAL", "STRING"}
)
_TOKEN = re.compile(
    r'(?P<gap>\s+|;[^\n]*)|(?P<paren>[()])|(?P<text>"(?:[^"]|"")*")|(?P<quoted>\|[^|\\]*\|)'
    r"|(?P<atom>:?[A-Za-z0-9~!@$%^&*_\-+=<>.?/#]+)"
)


class SmtError(ValueError):
    """SMT-LIB that is malformed, or outside what the contract allows."""


class Script(NamedTuple):
    """What a solver is asked: declared constants by name with their sort, and the commands that state the problem."""

    constants: dict[str, str]
    text: str


@lru_cache(maxsize=REMEMBERED)
def read_script(text: str) -> Script:
    """The assertions of a whole script, up to ``exit``; not to be altered. Raises SmtError."""
    constants: dict[str, str] = {}
    kept: list[str] = []
    ended = False
    for tokens in _expressions(tokenize(text)):
        command = _command(tokens, constants)
        if not ended and command:
            kept.append(command)
        ended = ended or tokens[1] == "exit"
    return Script(constants, "\n".join(kept))


def compose(declarations: dict[str, str], assertions: list[str], negated: str | None = None) -> Script:
    """The script that asserts every term, and the negation of ``negated`` if there is one. Raises SmtError."""
    constants: dict[str, str] = {}
    for name, sort in declarations.items():
        _declare(name, sort, constants)
    lines = [f"(declare-const {name} {sort})" for name, sort in constants.items()]
    lines += [f"(assert {_term(text)})" for text in assertions]
    if negated is not None:
        lines.append(f"(assert (not {_term(negated)}))")
    return Script(constants, "\n".join(lines))


def tokenize(text: str) -> list[str]:
    """The tokens of SMT-LIB text without gaps and comments. Raises SmtError."""
    tokens: list[str] = []
    position = depth = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise SmtError(f"unreadable at character {position + 1}")
        position = match.end()
        if match.lastgroup == "gap":
            continue
        token = match[0]
        if not (token.isascii() and token.isprintable()):
            raise SmtError(f"not plain ASCII before character {position}")
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            raise SmtError(f"a parenthesis too many at character {position}")
        if depth > DEPTH_MOST:
            raise SmtError(f"nested deeper than {DEPTH_MOST}")
        tokens.append(token)
    if depth:
        raise SmtError("a parenthesis is not closed")
    return tokens


def _expressions(tokens: list[str]) -> Iterator[list[str]]:
    """The commands of a script, each as its tokens with its parentheses."""
    start = 0
    while start < len(tokens):
        end = _end(tokens, start)
        if end - start < 3:
            raise SmtError("a command is expected")
        yield tokens[start:end]
        start = end


def _end(tokens: list[str], start: int) -> int:
    """Where the expression that begins at ``start`` ends."""
    if start >= len(tokens) or tokens[start] == ")":
        raise SmtError("an expression is expected")
    depth = 0
    for index in range(start, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[index], 0)
        if depth == 0:
            return index + 1
    raise SmtError("a parenthesis is not closed")


def _command(tokens: list[str], constants: dict[str, str]) -> str | None:
    """What of a command the solver gets; None for one that only needs to be well-formed."""
    name, arguments = tokens[1], tokens[2:-1]
    if name == "declare-const":
        return _declare_function([arguments[0], "(", ")", *arguments[1:]] if arguments else [], constants)
    if name == "declare-fun":
        return _declare_function(arguments, constants)
    if name == "define-fun":
        return _define_function(arguments, constants)
    if name == "assert":
        if _end([*arguments, ")"], 0) != len(arguments):
            raise SmtError("assert takes one term")
        return f"(assert {' '.join(arguments)})"
    if name in ("check-sat", "get-model", "exit"):
        _expect(not arguments, name)
    elif name == "set-logic":
        _expect(len(arguments) == 1 and _is_atom(arguments[0]), name)
    elif name in ("set-info", "set-option"):
        _expect(bool(arguments) and arguments[0].startswith(":"), name)
        _expect(len(arguments) == 1 or _end(arguments, 1) == len(arguments), name)
    else:
        raise SmtError(f"the command {name[:40]!a} is not allowed")
    return None


def _expect(well_formed: bool, command: str) -> None:
    if not well_formed:
        raise SmtError(f"{command} is malformed")


def _is_atom(token: str) -> bool:
    return token not in "()" and not token.startswith(('"', ":"))


def _declare(name: str, sort: object, constants: dict[str, str]) -> None:
    if not isinstance(sort, str) or sort not in SORTS:
        raise SmtError("a sort is none of Bool, Int, Real")
    _check_name(name)
    if name in constants:
        raise SmtError(f"{name} is declared twice")
    constants[name] = sort


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise SmtError("a name does not match [A-Za-z_][A-Za-z0-9_]*")
    if name in _RESERVED:
        raise SmtError(f"the name {name} is reserved")


def _declare_function(arguments: list[str], constants: dict[str, str]) -> str:
    """``name ( sort* ) sort``: a constant when it takes no argument."""
    _expect(len(arguments) >= 4 and arguments[1] == "(" and arguments[-2] == ")", "a declaration")
    name, sorts = arguments[0], arguments[2:-2]
    if sorts:
        _check_name(name)
        _check_sorts([*sorts, arguments[-1]])
    else:
        _declare(name, arguments[-1], constants)
    return f"(declare-fun {name} ( {' '.join(sorts)} ) {arguments[-1]})"


def _define_function(arguments: list[str], constants: dict[str, str]) -> str:
    """``name ( (parameter sort)* ) sort term``."""
    _expect(len(arguments) >= 5 and arguments[1] == "(", "define-fun")
    _check_name(arguments[0])
    if arguments[0] in constants:
        raise SmtError(f"{arguments[0]} is declared twice")
    position = 2
    while arguments[position] == "(":
        parameter = arguments[position : position + 4]
        _expect(len(parameter) == 4 and parameter[3] == ")", "define-fun")
        _check_name(parameter[1])
        _check_sorts([parameter[2]])
        position += 4
        _expect(position < len(arguments), "define-fun")
    _expect(arguments[position] == ")" and len(arguments) > position + 2, "define-fun")
    _check_sorts([arguments[position + 1]])
    _expect(_end(arguments, position + 2) == len(arguments), "define-fun")
    return f"(define-fun {' '.join(arguments)})"


def _check_sorts(sorts: list[str]) -> None:
    if not SORTS.issuperset(sorts):
        raise SmtError("a sort is none of Bool, Int, Real")


@lru_cache(maxsize=REMEMBERED)
def _term(text: str) -> str:
    """One term, written anew. Raises SmtError when the text is not exactly one."""
    tokens = tokenize(text)
    if not tokens or _end(tokens, 0) != len(tokens):
        raise SmtError("a constraint is exactly one term")
    return " ".join(tokens)
