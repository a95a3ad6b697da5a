"""Resolves settings: the pydantic model of the configuration file is made from the table, and checks every source."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from acgs_load.errors import UsageError
from acgs_load.plan import Account, Node, ThresholdText
from acgs_load.setting_kinds import KINDS, AccountRow, NodeRow
from acgs_load.setting_values import nearest, target
from acgs_load.settings import Settings
from acgs_load.settings_file import read_settings_file
from acgs_load.settings_table import CONFIG_FILE_VARIABLE, SECRETS, SETTINGS, Setting

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
_SECRET_KEY = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|API_?KEY|CREDENTIAL", re.IGNORECASE)
_HALVES = re.compile("[\ud800-\udfff]")
_SHOWN_MAX = 60
_NEVER_SHOWN = {"TARGET_HOST", "TARGET_METRICS", "HEADERS"}
"""Their values may hold a secret put there by mistake."""
_SWITCHES = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_ROWS: Mapping[str, type[BaseModel]] = {"LOAD_TEST_NODES": NodeRow, "ACCOUNTS": AccountRow}
_BY_KEY = {setting.key: setting for setting in SETTINGS}


def _field(setting: Setting) -> Any:
    if setting.default is None or not isinstance(setting.default, bool | int | float | str):
        return KINDS[setting.kind].annotation, Field(default_factory=lambda: setting.default, description=setting.help)
    return KINDS[setting.kind].annotation, Field(default=setting.default, description=setting.help)


ConfigFile: type[BaseModel] = create_model(
    "ConfigFile",
    __config__=ConfigDict(extra="forbid"),
    **{setting.key: _field(setting) for setting in SETTINGS},
)
"""What a configuration file may hold."""


def json_schema() -> str:
    """The JSON Schema of the configuration file, as published in ``schemas/config.schema.json``."""
    schema = ConfigFile.model_json_schema()
    schema["properties"] = {"$schema": {"type": "string"}, **schema["properties"]}
    schema = {"$schema": SCHEMA_ID, **schema, "title": "Configuration file of the ACGS load-testing suite"}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def resolved(flags: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """See ``settings.resolve``."""
    path, said = flags.get("config_file"), "--config-file"
    if path is None and (path := environ.get(CONFIG_FILE_VARIABLE, "").strip() or None):
        said = CONFIG_FILE_VARIABLE
    in_file = {} if path is None else _checked_file(str(path), said)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS:
        values[setting.name], origins[setting.key] = _chosen(setting, flags, in_file, str(path), environ)
    texts = [ThresholdText(text, "file") for text in in_file.get("THRESHOLDS", ())]
    if flags.get("thresholds"):
        texts += [ThresholdText(text, "flag") for text in values["thresholds"]]
    values["thresholds"] = tuple(texts)
    values["nodes"] = tuple(Node(**row.model_dump()) for row in values["nodes"])
    values["accounts"] = tuple(Account(**row.model_dump()) for row in values["accounts"])
    settings = Settings(**values, origins=origins)
    return _with_tenants(settings)


def _chosen(
    setting: Setting,
    flags: Mapping[str, object],
    in_file: Mapping[str, Any],
    path: str,
    environ: Mapping[str, str],
) -> tuple[Any, str]:
    """The value that wins, and where it came from. An empty environment variable is one that is not set."""
    flag, env_text = flags.get(setting.name), environ.get(setting.env or "", "")
    if flag is not None:
        name = setting.flag or setting.key
        value = _from_text(setting.kind, flag) if isinstance(flag, str) else flag
        value = list(value) if setting.name == "thresholds" and isinstance(value, tuple) else value
        return _checked({setting.key: value}, name)[setting.key], f"flag {name}"
    if setting.key in in_file:
        return in_file[setting.key], f"file {path}"
    if env_text.strip():
        value = _from_text(setting.kind, env_text.strip())
        return _checked({setting.key: value}, setting.env or "")[setting.key], f"env {setting.env}"
    if setting.kind == "target":
        return target(setting.default), "default"
    return setting.default, "default"


def _from_text(kind: str, text: str) -> Any:
    """The number or switch that a flag or variable spells; what spells none stays text and is refused later."""
    if kind == "switch":
        return _SWITCHES.get(text.lower(), text)
    if kind == "hosts":
        return [host for host in text.replace(",", " ").split() if host]
    numbers = {"users", "workers", "port", "exporter_port", "seed", "positive", "ratio"}
    if kind in numbers and re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    if kind in {"positive", "ratio"}:
        return float(text) if re.fullmatch(r"[0-9]*\.?[0-9]+([eE][+-]?[0-9]{1,3})?", text) else text
    return text


def _checked_file(path: str, said: str) -> dict[str, Any]:
    raw = read_settings_file(path, said)
    raw.pop("$schema", None)
    for key in raw:
        if key in _BY_KEY:
            continue
        if _SECRET_KEY.search(key):
            raise UsageError(f"{path}: {key}: secrets come only from the environment ({', '.join(SECRETS)}); remove it")
        raise UsageError(
            f"{path}: {key} is no setting{nearest(key, list(_BY_KEY)) or '; see schemas/config.schema.json'}"
        )
    return _checked(raw, f"{path}:")


def _checked(raw: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The given values, read. ``source`` ends in a colon where the key is to follow it."""
    for key, value in raw.items():
        if not _is_unicode(value):
            where = f"{source} {key}" if source.endswith(":") else source
            raise UsageError(f"{where}: holds a lone surrogate, which is no character; write UTF-8 text")
    try:
        model = ConfigFile.model_validate(dict(raw))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        # a misspelt field also makes the right one missing: the spelling is what the user can act on
        first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
        raise UsageError(_explained(first["loc"], first["type"], first["msg"], first.get("input"), source)) from None
    return {key: getattr(model, key) for key in raw}


def _is_unicode(value: object) -> bool:
    """Whether all text in it can be written down: JSON's escapes and bytes of a shell can spell half characters."""
    if isinstance(value, str):
        return _HALVES.search(value) is None
    if isinstance(value, Mapping):
        return all(map(_is_unicode, (*value.keys(), *value.values())))
    return not isinstance(value, list) or all(map(_is_unicode, value))


def demand_legal(values: Mapping[str, Any], source: str) -> None:
    """Nothing, where the values by key are legal ones of a configuration file. Raises UsageError, naming ``source``."""
    _checked(values, f"{source}:")


def _explained(loc: tuple[int | str, ...], kind: str, message: str, value: Any, source: str) -> str:
    key = str(loc[0])
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc[1:])
    where = f"{source} {key}{path}" if source.endswith(":") else f"{source}{path}"
    row, last = _ROWS.get(key), str(loc[-1])
    if row is not None and kind == "extra_forbidden":
        if _SECRET_KEY.search(last):
            return f"{where}: secrets come only from the environment ({', '.join(SECRETS)}); remove it"
        return f"{where} is no field{nearest(last, list(row.model_fields)) or ': ' + ', '.join(row.model_fields)}"
    legal = _legal(key, loc, row) or message.removeprefix("Value error, ")
    if kind == "missing":
        return f"{where} is missing; it {legal}"
    shown = "" if key in _NEVER_SHOWN or isinstance(value, Mapping) else f" {_short(value)}"
    hint = (
        nearest(value, legal.partition("one of ")[2].split(", "))
        if kind == "literal_error" and isinstance(value, str)
        else ""
    )
    return f"{where}{shown}: {legal}{hint}"


def _legal(key: str, loc: tuple[int | str, ...], row: type[BaseModel] | None) -> str:
    if row is not None and len(loc) > 2:
        return row.model_fields[str(loc[2])].description or ""
    return KINDS[_BY_KEY[key].kind].legal


def _short(value: Any) -> str:
    in_json = isinstance(value, bool | int | float | list | dict | None)
    text = json.dumps(value, ensure_ascii=False, default=str) if in_json else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _with_tenants(settings: Settings) -> Settings:
    """Accounts bring their tenants, or must fit the tenants that were given."""
    if not settings.accounts:
        return settings
    theirs = tuple(dict.fromkeys(account.tenant_id for account in settings.accounts))
    if not settings.given("TENANTS"):
        origins = {**settings.origins, "TENANTS": settings.origins["ACCOUNTS"]}
        return dataclasses.replace(settings, tenants=theirs, origins=origins)
    strange = [tenant for tenant in theirs if tenant not in settings.tenants]
    if strange:
        raise UsageError(f"{settings.said('ACCOUNTS')}: tenant_id {strange[0]} is not among TENANTS; add it there")
    return settings


if __name__ == "__main__":
    print(json_schema(), end="")
