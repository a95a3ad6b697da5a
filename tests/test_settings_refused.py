"""Settings that are refused: each in one line that names source, key, value and what is legal."""

from __future__ import annotations

import json

import jsonschema
import pytest
from test_settings import EVERYTHING, PROMISED

from acgs_load.errors import ExitCode, UsageError
from acgs_load.settings import resolve
from acgs_load.settings_model import json_schema


def refusal(flags=None, environ=None) -> str:
    """The message of the UsageError, which must be one line and exit with 2."""
    with pytest.raises(UsageError) as caught:
        resolve(flags or {}, environ or {})
    assert caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_value_that_a_stronger_source_hides_is_still_refused_in_a_file(config):
    """A file is checked as a whole, whatever flags say."""
    assert "USERS 0" in refusal(config({"USERS": 0}) | {"users": "5"})


WRONG_FLAGS = [
    ("users", "abc", "--users abc: must be a whole number from 1 to 1,000,000"),
    ("users", "0", "--users 0: must be a whole number"),
    ("users", "-5", "--users -5"),
    ("users", "1.5", "--users 1.5"),
    ("users", "1_000", "--users 1_000"),
    ("users", True, "--users true"),
    ("users", "9" * 30, "--users 999999999999999999"),
    ("workers", "0", "--workers 0"),
    ("spawn_rate", "0", "--spawn-rate 0: must be a number"),
    ("spawn_rate", "nan", "--spawn-rate nan"),
    ("spawn_rate", float("nan"), "--spawn-rate NaN"),
    ("spawn_rate", "inf", "--spawn-rate inf"),
    ("duration", "0s", "--duration 0s: must be a duration such as 90s"),
    ("duration", "5 fortnights", "--duration 5 fortnights"),
    ("duration", "99999d", "--duration 99999d"),
    ("duration", "", "--duration : must be a duration"),
    ("test_type", "spke", "did you mean spike?"),
    ("test_type", "", "must be one of smoke, enterprise"),
    ("test_name", "../etc", "--test-name ../etc: must be letters"),
    ("test_name", "a\nb", "--test-name a b"),
    ("rate", "0", "--rate 0: must be requests per second"),
    ("rate", "-5", "--rate -5"),
    ("rate", "0:2000", "such as 0:2000@5m"),
    ("rate", "0:0@5m", "--rate 0:0@5m"),
    ("rate", "5@5m", "--rate 5@5m"),
    ("rate", "1:2@", "--rate 1:2@"),
    ("rate", "1:2:3@4s", "--rate 1:2:3@4s"),
    ("rate", "nan", "--rate nan"),
    ("seed", "-1", "--seed -1"),
    ("min_capacity", "many", "--min-capacity many"),
    ("output", "  ", "--output"),
    ("arrivals", "possion", "did you mean poisson?"),
]


@pytest.mark.parametrize(("name", "value", "told"), WRONG_FLAGS)
def test_wrong_flags_are_refused_in_one_line(name, value, told):
    """The line names the flag, the value and what is legal."""
    assert told in refusal({name: value})


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ({"TEST_NAME": "a\ud800"}, "TEST_NAME"),
        ({"ALLOWED_TARGETS": ["\udfff"]}, "ALLOWED_TARGETS"),
        ({"HEADERS": {"X-\ud800": "1"}}, "HEADERS"),
        ({"ACCOUNTS": [{"username": "\ud800", "tenant_id": "acme"}]}, "ACCOUNTS"),
    ],
)
def test_half_characters_are_refused(config, content, key):
    """JSON can escape them, and a shell passes bytes that are no UTF-8 as such; nothing could write them down."""
    assert f"custom.json: {key}: holds a lone surrogate" in refusal(config(content))
    assert "--i-may-load: holds a lone surrogate" in refusal({"allowed_targets": ["a\udcff"]})
    assert "ACGS_TARGET_HOST: holds a lone" in refusal({}, {"ACGS_TARGET_HOST": "http://a\udcff"})


WRONG_TARGETS = [
    ("localhost:8080", "did you mean http://localhost:8080?"),
    ("acgs.example.com/", "did you mean http://acgs.example.com/?"),
    ("ftp://acgs", "must be http://host"),
    ("http://", "must be http://host"),
    ("http://acgs:99999", "must be http://host"),
    ("http://acgs:0", "must be http://host"),
    ("http://acgs:port", "must be http://host"),
    ("http://ac gs", "must be http://host"),
    ("http://[::1", "must be http://host"),
    ("http://acgs?x=1", "paths of operations go into ROUTES"),
    ("http://acgs/#top", "paths of operations go into ROUTES"),
    ("http://acgs//api", "paths of operations go into ROUTES"),
    ("http://acgs/../x", "must be http://host"),
    ("http://acgs/{own}", "paths of operations go into ROUTES"),
    ("http://ann:hunter2@acgs", "must not carry credentials"),
    ("http://hunter2@acgs", "must not carry credentials"),
    ("embedded:70000", "0 (any free one) to 65535"),
    ("embedded:x", "must be http://host"),
    ("", "must be http://host"),
]


@pytest.mark.parametrize(("value", "told"), WRONG_TARGETS)
def test_wrong_targets_are_refused(value, told):
    """What is no base URL is refused, and a password in it is never repeated."""
    for message in (refusal({"target": value}), refusal({}, {"ACGS_TARGET_HOST": value}) if value else told):
        assert told in message
        assert "hunter2" not in message


WRONG_FILES = [
    ({"USRS": 1}, "USRS is no setting; did you mean USERS?"),
    ({"target_host": "http://a"}, "target_host is no setting; did you mean TARGET_HOST?"),
    ({"XYZZY": 1}, "XYZZY is no setting; see schemas/config.schema.json"),
    ({"USERS": True}, "USERS true: must be a whole number"),
    ({"USERS": "5"}, "USERS 5: must be a whole number"),
    ({"USERS": 5.0}, "USERS 5.0: must be a whole number"),
    ({"USERS": None}, "USERS null: must be a whole number"),
    ({"TARGET_RPS": True}, "TARGET_RPS true: must be a number"),
    ({"TARGET_RPS": "1000"}, "TARGET_RPS 1000: must be a number"),
    ({"TLS_VERIFY": 1}, "TLS_VERIFY 1: must be true or false"),
    ({"TLS_VERIFY": "false"}, "TLS_VERIFY false: must be true or false"),
    ({"TARGET_HOST": 5}, "TARGET_HOST: must be http://host"),
    ({"TEST_DURATION": True}, "TEST_DURATION true: must be a duration"),
    ({"COMPLIANCE_THRESHOLD": 95}, "COMPLIANCE_THRESHOLD 95: must be a number from 0 to 1"),
    ({"CONSTITUTIONAL_HASH": "a b"}, "CONSTITUTIONAL_HASH a b: must be 1 to 128 printable"),
    ({"CONSTITUTIONAL_HASH": "é"}, "must be 1 to 128 printable ASCII"),
    ({"CONSTITUTIONAL_HASH": "a\n"}, "must be 1 to 128 printable ASCII"),
    ({"LOCUST_WEB_PORT": 0}, "LOCUST_WEB_PORT 0: must be a whole number from 1 to 65,535"),
    ({"LOCUST_MASTER_HOST": "a b"}, "LOCUST_MASTER_HOST a b: must be a host name"),
    ({"LOCUST_MASTER_HOST": "-oProxyCommand=x"}, "must be a host name"),
    ({"THRESHOLDS": "latency_p95_ms <= 5"}, "THRESHOLDS latency_p95_ms <= 5: must be a list of texts"),
    ({"THRESHOLDS": [5]}, "THRESHOLDS[0] 5: must be a list of texts"),
    ({"LOAD_TEST_NODES": []}, "LOAD_TEST_NODES []: must be a list of at least one object"),
    ({"LOAD_TEST_NODES": {}}, "LOAD_TEST_NODES: must be a list of at least one object"),
    ({"LOAD_TEST_NODES": [{"host": "a", "workers": 1}]}, "LOAD_TEST_NODES[0].max_users is missing; it must be"),
    (
        {"LOAD_TEST_NODES": [{"host": "a", "worker": 1, "max_users": 5}]},
        "LOAD_TEST_NODES[0].worker is no field; did you mean workers?",
    ),
    (
        {"LOAD_TEST_NODES": [{"host": "a", "workers": True, "max_users": 5}]},
        "LOAD_TEST_NODES[0].workers true: must be a whole number from 1 to 4,096",
    ),
    ({"LOAD_TEST_NODES": [{"host": "a;rm", "workers": 1, "max_users": 5}]}, "LOAD_TEST_NODES[0].host a;rm: must be"),
    (
        {"LOAD_TEST_NODES": [{"host": "a", "workers": 1, "max_users": 5, "region": "eu west"}]},
        "LOAD_TEST_NODES[0].region eu west: must be letters",
    ),
    ({"MIX": {"polcy": 1}}, "MIX: polcy is no scenario; did you mean policy?"),
    ({"MIX": {"policy": -1}}, "MIX: policy -1: must be a number from 0"),
    ({"MIX": {"policy": 0}}, "MIX: must give at least one scenario a weight above 0"),
    ({"MIX": {}}, "at least one scenario"),
    ({"MIX": [1]}, "MIX [1]: must be an object of weights"),
    ({"THINK_TIME": [2, 1]}, "THINK_TIME [2, 1]: must be seconds"),
    ({"THINK_TIME": [1, 2, 3]}, "THINK_TIME [1, 2, 3]: must be seconds"),
    ({"THINK_TIME": [True, 2]}, "must be seconds"),
    ({"THINK_TIME": "soon"}, "THINK_TIME soon: must be seconds"),
    ({"TENANTS": ["a", "a"]}, "must be a list of different tenant ids"),
    ({"TENANTS": ["a b"]}, "must be a list of different tenant ids"),
    ({"TENANTS": []}, "must be a list of different tenant ids"),
    ({"TENANTS": True}, "must be a list of different tenant ids"),
    ({"TENANTS": 0}, "must be a list of different tenant ids"),
    ({"ACCOUNTS": [{"username": "ann", "tenant_id": "a b"}]}, "ACCOUNTS[0].tenant_id a b: must be 1 to 64 letters"),
    ({"ACCOUNTS": [{"username": "", "tenant_id": "a"}]}, "ACCOUNTS[0].username"),
    (
        {"TENANTS": ["acme"], "ACCOUNTS": [{"username": "ann", "tenant_id": "globex"}]},
        "ACCOUNTS: tenant_id globex is not among TENANTS",
    ),
    ({"ROUTES": {"policy_gt": "/x"}}, "ROUTES: policy_gt is no operation; did you mean policy_get?"),
    ({"ROUTES": {"policy_get": "/x"}}, "{policy_id} is missing"),
    ({"ROUTES": {"policy_create": "/x/{policy_id}"}}, "placeholders of this operation: none"),
    ({"ROUTES": {"policy_create": "/x/{"}}, "placeholders of this operation: none"),
    ({"ROUTES": {"policy_create": "FETCH /x"}}, "must be a path such as POST /api/policy/create"),
    ({"ROUTES": {"policy_create": "http://x/y"}}, "must be a path such as"),
    ({"ROUTES": {"policy_create": 5}}, "must be a path such as"),
    ({"HEADERS": {"X A": "b"}}, "HEADERS: 'X A' is no header name"),
    ({"HEADERS": {"X-A": "b\r\nX-Evil: 1"}}, "HEADERS: X-A must be printable ASCII text"),
    ({"HEADERS": {"X-A": 5}}, "HEADERS: X-A must be printable ASCII text"),
    ({"HEADERS": {"X-A": "1", "x-a": "2"}}, "HEADERS: x-a stands there twice"),
    ({"HEADERS": {"x-constitutional-HASH": "1"}}, "is set by the suite itself"),
    ({"HEADERS": {"Content-Length": "1"}}, "is set by the suite itself"),
    ("", "holds nothing"),
    ("[]", "holds a list"),
    ("5", "holds a single value"),
    ('{"USERS": 1, "USERS": 2}', "USERS stands there twice"),
    ('{"LOAD_TEST_NODES": [{"host": "a", "host": "b"}]}', "host stands there twice"),
    ('{"TARGET_RPS": NaN}', "NaN is no JSON"),
    ('{"TARGET_RPS": -Infinity}', "-Infinity is no JSON"),
    ('{"TARGET_RPS": 1e999}', "TARGET_RPS Infinity: must be a number"),
    ('{"USERS": 1,}', "line 1, column"),
    ("[" * 100_000, "custom.json: "),
]


@pytest.mark.parametrize(("content", "told"), WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_wrong_files_are_refused_in_one_line(config, content, told):
    """The line names the file, the key, the value and what is legal."""
    flags = config(content)
    if content == "":
        flags = config("", "custom.yaml")
    message = refusal(flags)
    assert told in message
    assert message.startswith(str(flags["config_file"]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("USERS: 1\nUSERS: 2\n", "line 2, column 1: not YAML: USERS stands there twice"),
        ("USERS: [\n", "not YAML"),
        ("USERS: .nan\n", "USERS NaN"),
        ("1: 2\n", "key 1 is no text"),
        ("USERS: !!python/object:os.system x\n", "not YAML"),
        ("TEST_NAME: 2026-01-01\n", "TEST_NAME 2026-01-01: must be letters"),
        ("WEB_UI: 1\n", "must be true or false"),
        ("{[a]: 1}\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("? ", "key None is no text"),
    ],
)
def test_wrong_yaml_is_refused_in_one_line(config, text, told):
    """YAML gets no more leniency than JSON."""
    assert told in refusal(config(text, "custom.yaml"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """Missing, a folder, no text, too large: each is told in a line."""
    assert "No such file or directory" in refusal({"config_file": str(tmp_path / "none.json")})
    assert "Is a directory" in refusal({"config_file": str(tmp_path)})
    assert refusal({"config_file": ""}).startswith("--config-file: names no file")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe{")
    assert "not UTF-8" in refusal({"config_file": str(tmp_path / "binary.json")})
    (tmp_path / "large.json").write_bytes(b" " * 1_000_001)
    assert "larger than" in refusal({"config_file": str(tmp_path / "large.json")})


SECRETS = [
    {"ACGS_PASSWORD": "hunter2"},
    {"ACGS_TOKEN": "hunter2"},
    {"PASSWORD": "hunter2"},
    {"ACCOUNTS": [{"username": "ann", "tenant_id": "a", "password": "hunter2"}]},
    {"ACCOUNTS": [{"username": "ann", "tenant_id": "a", "token": "hunter2"}]},
    {"HEADERS": {"Authorization": "hunter2"}},
    {"HEADERS": {"Cookie": "hunter2"}},
    {"HEADERS": {"X-Api-Key": "hunter2"}},
    {"HEADERS": {"Ocp-Apim-Subscription-Key": "hunter2"}},
    {"HEADERS": {"X-Auth-Token": "hunter2"}},
    {"HEADERS": {"X-Client-Secret": "hunter2"}},
    {"TARGET_HOST": "http://ann:hunter2@acgs"},
]


@pytest.mark.parametrize("content", SECRETS, ids=str)
def test_secrets_are_refused_in_a_file_and_never_repeated(config, content):
    """A secret belongs into the environment; the line says so without the secret."""
    message = refusal(config(content))
    assert "environment" in message
    assert "ACGS_PASSWORD" in message
    assert "hunter2" not in message


def test_secrets_of_the_environment_are_not_kept():
    """Nothing of ACGS_PASSWORD and ACGS_TOKEN reaches the settings."""
    assert "hunter2" not in repr(resolve({}, {"ACGS_PASSWORD": "hunter2", "ACGS_TOKEN": "hunter2"}))


@pytest.mark.parametrize("name", ["X-Democratic-Oversight", "X-Stakeholder-Consulted", "X-Data-Purpose", "X-Monkey"])
def test_harmless_headers_are_taken(config, name):
    """The headers that real gateways demand are no secrets."""
    assert resolve(config({"HEADERS": {name: "true"}}), {}).headers == {name: "true"}


def test_wrong_environment_is_told_by_its_variable():
    """The line names the variable."""
    assert refusal({}, {"ACGS_TARGET_RPS": "fast"}).startswith("ACGS_TARGET_RPS fast: must be a number")
    assert refusal({}, {"CONSTITUTIONAL_COMPLIANCE_MONITORING": "perhaps"}).endswith("must be true or false")
    assert refusal({}, {"LOCUST_WEB_PORT": "http"}).startswith("LOCUST_WEB_PORT http")


def test_the_schema_agrees_with_the_check(config):
    """What the schema refuses, the check refuses; what the check takes, the schema takes."""
    schema = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for legal in (PROMISED, EVERYTHING, {}):
        assert list(validator.iter_errors(legal)) == []
    for content, _ in WRONG_FILES:
        if isinstance(content, dict) and not validator.is_valid(content):
            refusal(config(content))
    assert sum(isinstance(c, dict) and not validator.is_valid(c) for c, _ in WRONG_FILES) >= 40
