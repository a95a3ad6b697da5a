"""Reads a configuration file, JSON or YAML, without the leniency of their readers: no duplicate keys, no NaN."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from acgs_load.errors import UsageError

SIZE_LIMIT_BYTES = 1_000_000
VALUES_MAX = 200_000
_MERGE_TAG = "tag:yaml.org,2002:merge"


def read_settings_file(path: str, said: str = "--config-file") -> dict[str, Any]:
    """The file's keys and values, unchecked. Raises UsageError when it cannot be read as one object.

    ``said``: the flag or variable that named it.
    """
    if not path:
        raise UsageError(f"{said}: names no file; name a JSON or YAML file, or leave it out")
    text = _text(path, said)
    try:
        value = _json(text) if _is_json(path, text) else _yaml(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UsageError(f"{path}: {place}not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: holds {_kind_of(value)}; write one object of UPPER_CASE keys")
    _demand_tree(path, value)
    strange = [key for key in value if not isinstance(key, str)]
    if strange:
        raise UsageError(f"{path}: key {strange[0]!r} is no text; write one object of UPPER_CASE keys")
    return value


def _text(path: str, said: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(SIZE_LIMIT_BYTES + 1)
        if len(raw) > SIZE_LIMIT_BYTES:
            raise UsageError(f"{said} {path}: larger than {SIZE_LIMIT_BYTES:,} bytes")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{said} {path}: {error.strerror}; name a readable JSON or YAML file") from error
    except ValueError as error:
        raise UsageError(f"{said} {path}: not UTF-8 text; name a JSON or YAML file") from error


def _is_json(path: str, text: str) -> bool:
    suffix = Path(path).suffix.lower()
    return suffix == ".json" or (suffix not in {".yaml", ".yml"} and text.lstrip().startswith(("{", "[")))


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"{key} stands there twice; keep one")
        result[key] = value
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON; write a number")


class _UniqueLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which would otherwise let the last of two equal keys win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue  # the loader itself refuses lists and objects as keys
            if key_node.tag != _MERGE_TAG and key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key_node.value} stands there twice; keep one", key_node.start_mark
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=_UniqueLoader)  # nosec B506  # a safe loader


def _demand_tree(path: str, value: object) -> None:
    """YAML can make much, even endlessly much, of few bytes: a value that holds itself, or thousands of thousands."""
    waiting, count = [value], 0
    while waiting:
        one = waiting.pop()
        count += 1
        if count > VALUES_MAX:
            raise UsageError(f"{path}: holds more than {VALUES_MAX:,} values, or one that holds itself")
        if isinstance(one, dict | list):
            waiting.extend(one.values() if isinstance(one, dict) else one)


def _kind_of(value: object) -> str:
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a single value"
