"""Settings: where values come from, which are refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from acgs_load.plan import Account, Node, ThresholdText
from acgs_load.settings import Rate, TargetPlace, resolve
from acgs_load.settings_model import json_schema
from acgs_load.settings_table import SETTINGS

PROJECT = Path(__file__).resolve().parents[1]

PROMISED = {
    "TARGET_HOST": "https://acgs.example.com",
    "TARGET_RPS": 1500,
    "CONSTITUTIONAL_COMPLIANCE_MONITORING": True,
    "LOAD_TEST_NODES": [{"host": "load-node-1", "workers": 8, "max_users": 500, "region": "us-east-1"}],
}
"""The configuration file of the promise, word for word."""

EVERYTHING = {
    **PROMISED,
    "$schema": "schemas/config.schema.json",
    "TEST_NAME": "nightly.1",
    "TEST_TYPE": "spike",
    "USERS": 400,
    "TEST_DURATION": "5m",
    "SPAWN_RATE": 12.5,
    "RATE": "0:2000@5m",
    "ARRIVALS": "poisson",
    "THRESHOLDS": ["latency_p95_ms <= 500", "error_ratio <= 0.001 over 10s for 3"],
    "WORKERS": 4,
    "PLACE": "ssh",
    "SIMULATE_REGIONS": True,
    "KUBERNETES": {"namespace": "load", "image": "r.example.com/acgs-loadtest:1"},
    "REGION_LINKS": {"us-east-1": {"rtt_ms": 5}},
    "SEED": 7,
    "BASELINE": "reports/nightly/1",
    "MIN_CAPACITY": 900,
    "MIX": {"policy": 3, "formal": 1, "tenant": 0},
    "THINK_TIME": [0, "500ms"],
    "TIMEOUT": 12,
    "CONSTITUTIONAL_HASH": "0123456789abcdef",
    "COMPLIANCE_THRESHOLD": 0.99,
    "TENANTS": ["acme", "globex"],
    "ACCOUNTS": [{"username": "ann", "tenant_id": "acme"}],
    "ROUTES": {"policy_get": "/v2/policies/{policy_id}", "policy_list": "POST /v2/policies"},
    "HEADERS": {"X-Data-Purpose": "load test"},
    "ALLOWED_TARGETS": ["acgs.example.com"],
    "CA_FILE": "authority.pem",
    "TLS_VERIFY": False,
    "TRANSPORT": "plain",
    "TARGET_METRICS": "docker:web",
    "TARGET_CPU_QUERY": "vector(0.5)",
    "TARGET_MEMORY_QUERY": "vector(0.6)",
    "TARGET_CPUS": 8,
    "TARGET_MEMORY_GIB": 16,
    "LIVE": False,
    "OUTPUT": "out",
    "ANALYSIS": False,
    "WEB_UI": True,
    "LOCUST_WEB_PORT": 8090,
    "EXPORTER_PORT": 9700,
    "LOCUST_WEB_HOST": "0.0.0.0",
    "LOCUST_MASTER_BIND_HOST": "10.0.0.7",
    "MIN_WORKERS": "75%",
    "RESTART_WORKERS": True,
    "LOCUST_MASTER_HOST": "10.0.0.1",
    "LOCUST_MASTER_PORT": 5558,
}


def test_defaults_are_the_promised_ones():
    """Without any source, the values that the promise names hold and every origin is default."""
    settings = resolve({}, {})
    assert settings.target == TargetPlace("http://localhost:8080", embedded=False)
    assert settings.constitutional_hash == "cdd01ef066bc6cf2"
    assert (settings.master_host, settings.master_port, settings.web_port) == ("localhost", 5557, 8089)
    assert settings.test_type == "enterprise"
    assert settings.compliance_min == 0.95
    assert len(settings.tenants) == 10
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == {setting.key for setting in SETTINGS}


def test_the_promised_environment_is_read():
    """Each of the eight promised variables sets its value and is named as its origin."""
    environ = {
        "ACGS_TARGET_HOST": "http://acgs:8080",
        "ACGS_TARGET_RPS": "1000",
        "ACGS_TEST_DURATION": "30m",
        "CONSTITUTIONAL_HASH": "deadbeef",
        "CONSTITUTIONAL_COMPLIANCE_MONITORING": "false",
        "LOCUST_MASTER_HOST": "master",
        "LOCUST_MASTER_PORT": "6000",
        "LOCUST_WEB_PORT": "9000",
    }
    settings = resolve({}, environ)
    assert settings.target.url == "http://acgs:8080"
    assert (settings.target_rps, settings.duration) == (1000.0, 1800.0)
    assert (settings.constitutional_hash, settings.compliance_monitoring) == ("deadbeef", False)
    assert (settings.master_host, settings.master_port, settings.web_port) == ("master", 6000, 9000)
    from_environment = {origin for origin in settings.origins.values() if origin != "default"}
    assert from_environment == {f"env {name}" for name in environ}


def test_the_promised_file_is_read(config):
    """The example of the promise is legal and every value of it arrives."""
    settings = resolve(config(PROMISED), {})
    assert settings.target.url == "https://acgs.example.com"
    assert settings.target_rps == 1500
    assert settings.compliance_monitoring is True
    assert settings.nodes == (Node("load-node-1", 8, 500, "us-east-1"),)


def test_every_key_of_the_file_reaches_its_setting(config):
    """A file that uses every key changes every setting."""
    settings = resolve(config(EVERYTHING), {})
    defaults = resolve({}, {})
    unchanged = {s.key for s in SETTINGS if getattr(settings, s.name) == getattr(defaults, s.name)}
    assert unchanged == {"CONSTITUTIONAL_COMPLIANCE_MONITORING"}
    assert {s.key for s in SETTINGS} | {"$schema"} == set(EVERYTHING)
    assert settings.rate == Rate(0.0, 2000.0, 300.0)
    assert settings.think_time == (0.0, 0.5)
    assert settings.mix == {"policy": 3.0, "formal": 1.0}
    assert settings.accounts == (Account("ann", "acme"),)
    assert settings.routes["policy_get"] == "GET /v2/policies/{policy_id}"
    assert settings.thresholds[0] == ThresholdText("latency_p95_ms <= 500", "file")


def test_json_and_yaml_are_read_alike(config):
    """A YAML file, by suffix or by content, gives the same settings as JSON."""
    text = "TARGET_HOST: http://a:1\nUSERS: 5\nTHRESHOLDS:\n  - latency_p95_ms <= 9 # fast\nMIX: {policy: 1}\n"
    for name in ("custom.yaml", "custom.yml", "custom", "custom.conf"):
        settings = resolve(config(text, name), {})
        assert (settings.target.url, settings.users, dict(settings.mix)) == ("http://a:1", 5, {"policy": 1.0})
    assert resolve(config('{"USERS": 5}', "noname"), {}).users == 5
    assert resolve(config("\ufeff" + '{"USERS": 5}'), {}).users == 5


@pytest.mark.parametrize(
    ("flag", "in_file", "in_environment", "users", "origin"),
    [
        ("3", 4, "5", 3, "flag --users"),
        (None, 4, "5", 4, "file"),
        (None, None, "5", 5, "env ACGS_USERS"),
        (None, None, "", None, "default"),
        (None, None, "   ", None, "default"),
    ],
)
def test_flag_beats_file_beats_environment(config, flag, in_file, in_environment, users, origin):
    """The strongest source wins, and the origin says which it was; an empty variable is none."""
    flags = config({} if in_file is None else {"USERS": in_file}) | {"users": flag}
    settings = resolve(flags, {"ACGS_USERS": in_environment})
    assert settings.users == users
    assert settings.origins["USERS"].startswith(origin)


def test_the_transport_is_a_flag_as_well(config):
    """``--transport`` beats file and environment like every other flag."""
    settings = resolve(config({"TRANSPORT": "fast"}) | {"transport": "plain"}, {"ACGS_TRANSPORT": "fast"})
    assert (settings.transport, settings.origins["TRANSPORT"]) == ("plain", "flag --transport")


def test_the_configuration_file_may_be_named_by_the_environment(config):
    """ACGS_CONFIG_FILE names a file; --config-file beats it."""
    path = str(config({"USERS": 5})["config_file"])
    assert resolve({}, {"ACGS_CONFIG_FILE": path}).users == 5
    assert resolve(config({"USERS": 6}, "other.json"), {"ACGS_CONFIG_FILE": path}).users == 6


@pytest.mark.parametrize("text", ["true", "TRUE", "yes", "on", "1"])
def test_switches_as_the_environment_spells_them(text):
    """A switch in the environment takes the usual words."""
    assert resolve({}, {"ACGS_WEB_UI": text}).web_ui is True


@pytest.mark.parametrize(
    ("value", "url", "embedded"),
    [
        ("http://acgs/", "http://acgs", False),
        ("HTTPS://acgs.prod.com", "https://acgs.prod.com", False),
        ("http://acgs:8080/base/v1/", "http://acgs:8080/base/v1", False),
        ("http://[::1]:8080", "http://[::1]:8080", False),
        ("embedded", "http://127.0.0.1:8080", True),
        ("embedded:9001", "http://127.0.0.1:9001", True),
        ("embedded:0", "http://127.0.0.1:0", True),
    ],
)
def test_targets(value, url, embedded):
    """A base URL loses its trailing slash; embedded means the reference gateway on loopback."""
    assert resolve({"target": value}, {}).target == TargetPlace(url, embedded)


def test_accounts_bring_their_tenants(config):
    """Without TENANTS, the tenants are those of the accounts, each once."""
    rows = [
        {"username": "a", "tenant_id": "x"},
        {"username": "b", "tenant_id": "y"},
        {"username": "c", "tenant_id": "x"},
    ]
    settings = resolve(config({"ACCOUNTS": rows}), {})
    assert settings.tenants == ("x", "y")
    assert settings.origins["TENANTS"].startswith("file")


def test_thresholds_of_flags_and_file_are_both_kept(config):
    """Each threshold remembers who wrote it."""
    flags = config({"THRESHOLDS": ["error_ratio <= 0.5"]}) | {
        "thresholds": ["latency_p95_ms <= 5", "latency_p99_ms <= 9"]
    }
    assert [(text.source, text.expression) for text in resolve(flags, {}).thresholds] == [
        ("file", "error_ratio <= 0.5"),
        ("flag", "latency_p95_ms <= 5"),
        ("flag", "latency_p99_ms <= 9"),
    ]


def test_what_locusts_form_says_is_taken():
    """Numbers instead of text, as the web form gives them, are values like any other."""
    settings = resolve({"users": 40, "spawn_rate": 4, "duration": "60s"}, {})
    assert (settings.users, settings.spawn_rate, settings.duration) == (40, 4.0, 60.0)


def test_how_a_message_names_a_source(config):
    """``said`` names flag, variable, or file and key."""
    settings = resolve(config({"TARGET_RPS": 5}) | {"users": "5"}, {"ACGS_SEED": "3"})
    assert settings.said("USERS") == "--users"
    assert settings.said("SEED") == "ACGS_SEED"
    assert settings.said("TARGET_RPS").endswith("custom.json: TARGET_RPS")
    assert settings.said("RATE") == "RATE"
    assert settings.given("USERS")
    assert not settings.given("RATE")


def test_the_published_schema_is_the_models():
    """schemas/config.schema.json is what ``python -m acgs_load.settings_model`` prints."""
    published = (PROJECT / "schemas" / "config.schema.json").read_text(encoding="utf-8")
    assert published == json_schema(), "write it anew: python -m acgs_load.settings_model > schemas/config.schema.json"
