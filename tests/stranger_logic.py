"""What the stranger knows about JSON, hashed content and the rule language; from the contract page alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

WHOLE_LIMIT: Final = 2**53
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OPERATORS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
MISSING: Final = object()


class RefusedError(Exception):
    """A request that is answered with one of the contract's errors."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(message: str) -> RefusedError:
    return RefusedError(422, "invalid_field", message)


class Members(dict[str, Any]):
    """A JSON object that remembers which of its keys came more than once (the last one won)."""

    repeated: frozenset[str] = frozenset()


class NoNumber:
    """Stands where a body said NaN or Infinity."""


class Draft(NamedTuple):
    """A body after reading: `broken` means that it is no JSON."""

    value: Any
    broken: bool


def _members(pairs: list[tuple[str, Any]]) -> Members:
    found = Members(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        found.repeated = frozenset(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return found


def read_json(raw: bytes, hashed: Iterable[str]) -> Draft:
    """Read a body. NaN and Infinity break it, except inside the members named in `hashed`."""
    strange: list[NoNumber] = []

    def note(_text: str) -> NoNumber:
        strange.append(NoNumber())
        return strange[-1]

    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_members, parse_constant=note)
    except (ValueError, RecursionError):
        return Draft(None, broken=True)
    if strange:
        inside = sum(_count_strange(value[key]) for key in hashed if key in value) if isinstance(value, dict) else 0
        if inside != len(strange):
            return Draft(None, broken=True)
    return Draft(value, broken=False)


def _count_strange(root: Any) -> int:
    count = 0
    queue = [root]
    while queue:
        item = queue.pop()
        if isinstance(item, NoNumber):
            count += 1
        elif isinstance(item, dict):
            queue.extend(item.values())
        elif isinstance(item, list):
            queue.extend(item)
    return count


def hashable(body: Members, keys: tuple[str, ...]) -> dict[str, Any]:
    """The members `keys` of a body as content that may be hashed; 422 if they may not."""
    for key in keys:
        if key not in body:
            raise invalid(f"„{key}“ fehlt")
        if key in body.repeated:
            raise invalid(f"„{key}“ steht zweimal da")
    content = {key: body[key] for key in keys}
    demand_canonical(content)
    return content


def demand_canonical(root: Any) -> None:
    """422 unless the value has a canonical form."""
    queue = [root]
    while queue:
        item = queue.pop()
        if isinstance(item, dict):
            if isinstance(item, Members) and item.repeated:
                raise invalid(f"doppelter Schlüssel: {sorted(item.repeated)[0]}")
            queue.extend(item.keys())
            queue.extend(item.values())
        elif isinstance(item, list):
            queue.extend(item)
        else:
            _demand_plain(item)


def _demand_plain(item: Any) -> None:
    if isinstance(item, str):
        if any("\ud800" <= letter <= "\udfff" for letter in item):
            raise invalid("ein einzelnes Surrogat lässt sich nicht hashen")
    elif isinstance(item, float | NoNumber):
        raise invalid("nur ganze Zahlen lassen sich hashen")
    elif isinstance(item, int) and abs(item) > WHOLE_LIMIT:
        raise invalid("die Zahl liegt außerhalb von ±2^53")


def _quoted(text: str) -> str:
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    return '"' + re.sub(r'["\\\x00-\x1f]', lambda hit: short.get(hit[0], f"\\u{ord(hit[0]):04x}"), text) + '"'


def canonical(value: Any) -> str:
    """The canonical JSON of a value that passed `demand_canonical`."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(int(value))


def digest(value: Any) -> bytes:
    return hashlib.sha256(canonical(value).encode("utf-8")).digest()


def text_of(body: Members, key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise invalid(f"„{key}“ muss Text sein")
    return value


def whole_of(body: Members, key: str) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(f"„{key}“ muss eine ganze Zahl sein")
    return value


def stamp_of(body: Members, key: str) -> str:
    value = text_of(body, key)
    if not TIMESTAMP.fullmatch(value):
        raise invalid(f"„{key}“ ist kein RFC-3339-Zeitpunkt mit Z und Millisekunden")
    return value


def clamped(query: dict[str, str], key: str, default: int, highest: int) -> int:
    """A whole number from the query, forced into 1…highest."""
    text = query.get(key)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]+", text):
        raise invalid(f"„{key}“ ist keine ganze Zahl")
    digits = text.lstrip("-0")
    if text.startswith("-") or not digits:
        return 1
    return highest if len(digits) > 6 else min(highest, int(digits))


def kind(value: Any) -> str:
    if value is None:
        return "null"
    names = ((bool, "boolean"), (int | float, "number"), (str, "text"), (list, "list"), (dict, "object"))
    return next(name for types, name in names if isinstance(value, types))


def same(left: Any, right: Any) -> bool:
    """Equality of like types: 1 equals 1.0, never true."""
    if kind(left) != kind(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def in_language(rule: Any, conditions: Any) -> bool:
    if not isinstance(rule, dict) or rule.get("effect") not in ("permit", "deny"):
        return False
    actions = rule.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        return False
    return isinstance(conditions, list) and all(map(_is_condition, conditions))


def _is_condition(item: Any) -> bool:
    if not isinstance(item, dict) or "value" not in item or not isinstance(item.get("field"), str):
        return False
    return isinstance(item.get("op"), str) and item["op"] in OPERATORS


def _reached(decision: Any, path: str) -> Any:
    here = decision
    for step in path.split("."):
        if not isinstance(here, dict) or step not in here:
            return MISSING
        here = here[step]
    return here


def holds(condition: dict[str, Any], decision: dict[str, Any]) -> bool:
    op, value = condition["op"], condition["value"]
    found = _reached(decision, condition["field"])
    if found is MISSING:
        return False
    if op == "in":
        return isinstance(value, list) and any(same(found, item) for item in value)
    if kind(found) != kind(value):
        return False
    if op in ("==", "!="):
        return same(found, value) is (op == "==")
    if kind(found) not in ("number", "text"):
        return False
    return bool({"<": found < value, "<=": found <= value, ">": found > value, ">=": found >= value}[op])


def applies(rule: dict[str, Any], conditions: list[dict[str, Any]], decision: dict[str, Any]) -> bool:
    listed = "*" in rule["actions"] or decision["action"] in rule["actions"]
    return listed and all(holds(condition, decision) for condition in conditions)
