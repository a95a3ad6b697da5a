"""Whole runs over TLS: verified by default, an authority of one's own, and what is not verified is said everywhere."""

from __future__ import annotations

import ssl

import pytest
import running
from test_transport_tls import CERTIFICATES, TRUSTED
from tls_front import tls_front

from acgs_load.unverified import INSECURE

SHORT = ("--users", "4", "--duration", "6s", "--spawn-rate", "4", "--threshold", "throughput_rps >= 0.5")
WELL = (0, 4)
"""Nothing wrong with the target; a busy machine may add more to latencies than a verdict can bear."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """An https URL with a certificate of the trusted authority, and the file that holds the authority."""
    place = tmp_path_factory.mktemp("tls")
    (place / "ca.pem").write_bytes(TRUSTED.pem)
    (place / "peer.pem").write_bytes(CERTIFICATES["right"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "peer.pem")
    with running.gateway() as url, tls_front(url, context) as secure:
        yield secure, str(place / "ca.pem")


def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(target, tmp_path):
    """Exit code 3; the line names the flag that helps."""
    ended = running.run(tmp_path, "--target", target[0], *SHORT)
    assert ended.code == 3
    assert "TLS refused" in ended.errors
    assert "--ca-file FILE" in ended.errors
    assert len(ended.errors.splitlines()) == 1


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_the_authority_of_the_target_may_be_named(target, tmp_path, transport):
    """Preflight, users and the target's own counts trust it; nothing is warned about."""
    url, authority = target
    ended = running.run(tmp_path, "--target", url, "--ca-file", authority, "--transport", transport, *SHORT)
    assert ended.code in WELL, ended.output + ended.errors
    assert ended.report["violations"] == []
    assert INSECURE not in ended.output.replace("\n", " ")
    assert INSECURE not in ended.report["warnings"]
    assert (ended.folder / "target_metrics.txt").exists()


@pytest.mark.parametrize("transport", ["fast", "plain"])
def test_what_is_not_verified_is_said(target, tmp_path, transport):
    """On the terminal, and in every report; nobody else's warning is printed beside it."""
    ended = running.run(tmp_path, "--target", target[0], "--insecure", "--transport", transport, *SHORT)
    assert ended.code in WELL, ended.output + ended.errors
    assert INSECURE in ended.output.replace("\n", " ")
    assert ended.errors == ""
    assert INSECURE in ended.report["warnings"]
    for name in ("report.md", "report.html"):
        assert "was not verified (--insecure)" in (ended.folder / name).read_text(), name
    logs = "".join(path.read_text() for path in (ended.folder / "logs").iterdir())
    assert "InsecureRequestWarning" not in logs


def test_a_file_of_authorities_that_is_none_is_one_line(target, tmp_path):
    """Absent, or no certificate in it: exit code 2, and nothing is sent."""
    (tmp_path / "no.pem").write_text("no certificate")
    for file, words in ((tmp_path / "absent.pem", "no such file"), (tmp_path / "no.pem", "holds no certificates")):
        ended = running.run(tmp_path, "--target", target[0], "--ca-file", str(file), *SHORT)
        assert (ended.code, len(ended.errors.splitlines())) == (2, 1), ended.errors
        assert words in ended.errors
