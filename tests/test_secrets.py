"""No secret in any artefact: whole runs with secrets, then every file that they wrote and every line that they said."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
import running
from echo_target import ISSUED

PASSWORD, TOKEN, RUN_SECRET = "passw0rd_3c9f2a4b", "token_of_the_user_55d1c07e", "run_secret_4f7a6f0e8f1b"
"""They could pass for codes of errors, which examples quote."""
ODD = "pass/word+3c9f 2a4b"
SHORT = ("--users", "6", "--spawn-rate", "6", "--duration", "6s", "--workers", "2")

pytestmark = pytest.mark.slow


def spellings(secret: str) -> set[bytes]:
    """The secret as it is, in a URL, in JSON, and in base64 at every alignment."""
    raw = secret.encode()
    coded = {base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {raw, quote(secret).encode(), raw.replace(b"/", b"\\/"), *coded}


def found(secret: str, ended: running.Ended, output: Path) -> list[str]:
    """Where the secret stands: files by name, or the terminal."""
    texts = {"terminal": (ended.output + ended.errors).encode()}
    texts |= {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert len(texts) > 10, "a run writes more"
    return [name for name, text in texts.items() if any(spelling in text for spelling in spellings(secret))]


@pytest.fixture(scope="module")
def echo():
    """A target that repeats whatever it is told."""
    with running._server(["tests/echo_target.py", "--port", "0"], "ready") as url:
        yield url


def test_a_run_against_the_embedded_gateway_writes_no_secret(tmp_path):
    """Password and the secret of the run: the runner, the gateway, the master and two workers know them."""
    environ = {"ACGS_PASSWORD": PASSWORD, "ACGS_RUN_SECRET": RUN_SECRET}
    ended = running.run(tmp_path, "--target", "embedded:0", *SHORT, environ=environ)
    assert ended.code in (0, 1, 4), ended.output + ended.errors
    for secret in (PASSWORD, RUN_SECRET):
        assert found(secret, ended, tmp_path) == []
    assert not list(tmp_path.rglob("*.sqlite*")), "the gateway's keys are in its store"


def test_what_a_target_repeats_is_not_written_either(tmp_path, echo):
    """Password and issued token come back in codes, messages, fields, headers and reason phrases."""
    environ = {"ACGS_PASSWORD": PASSWORD, "ACGS_RUN_SECRET": RUN_SECRET}
    ended = running.run(tmp_path, "--target", echo, *SHORT, environ=environ)
    assert ended.code == 1, ended.output + ended.errors
    examples = (ended.folder / "violations.jsonl").read_text()
    assert examples.count("error [secret]") > 1, "the echo was heard"
    for secret in (PASSWORD, ISSUED, RUN_SECRET):
        assert found(secret, ended, tmp_path) == []


def test_a_token_of_the_user_is_not_written(tmp_path, echo):
    """``ACGS_TOKEN``: nobody logs in, and everybody sends it."""
    ended = running.run(tmp_path, "--target", echo, *SHORT, environ={"ACGS_TOKEN": TOKEN})
    assert ended.code == 1, ended.output + ended.errors
    assert "error [secret]" in (ended.folder / "violations.jsonl").read_text(), "the echo was heard"
    assert found(TOKEN, ended, tmp_path) == []


def test_the_search_finds_what_is_there(tmp_path):
    """A secret planted into one of many files, in any of its spellings."""
    for number in range(12):
        (tmp_path / f"file-{number}").write_text("nothing")
    for place, spelling in enumerate(sorted(spellings(ODD))):
        (tmp_path / f"file-{place}").write_bytes(b"x" + spelling)
    ended = running.Ended(0, "", f"error {ODD}", None)
    assert len(found(ODD, ended, tmp_path)) == len(spellings(ODD)) + 1
