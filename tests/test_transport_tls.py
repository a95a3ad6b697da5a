"""TLS with authorities made for the test: who is trusted, who is not, and the same protocol inside."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from broken_peers import (
    OK,
    Line,
    Peer,
    answers,
    answers_once_then,
    hears_and_closes,
    says,
    says_and_closes,
    server_context,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_plan import plan
from test_transport import BAD, KINDS, LATE, LOST, MEGABYTE, head, maker, transport, words

from acgs_load.errors import TargetError, UsageError
from acgs_load.preflight import preflight

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs certificates for one afternoon."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self._own = self._certificate(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).add_extension(usage, critical=True).sign(self._key, hashes.SHA256())  # fmt: skip

    def certify(self, *names: x509.GeneralName, days: int = 1) -> bytes:
        """Certificate and key in PEM for the names; ``days`` below zero: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
        certificate = (
            self._certificate(subject, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def pem(self) -> bytes:
        return self._own.public_bytes(serialization.Encoding.PEM)

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 1
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 9 * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
TRUSTED, STRANGER = Authority("trusted"), Authority("stranger")
CERTIFICATES = {
    "right": TRUSTED.certify(LOOPBACK, x509.DNSName("localhost")),
    "wrong name": TRUSTED.certify(x509.DNSName("elsewhere.test")),
    "expired": TRUSTED.certify(LOOPBACK, days=-1),
    "untrusted": STRANGER.certify(LOOPBACK),
}


@pytest.fixture
def context(tmp_path, monkeypatch):
    """Server settings by the certificate's name; ``SSL_CERT_FILE`` names the trusted authority."""
    (tmp_path / "ca.pem").write_bytes(TRUSTED.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def make(name: str):
        (tmp_path / "peer.pem").write_bytes(CERTIFICATES[name])
        return server_context(str(tmp_path / "peer.pem"))

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_talks_to_a_target_whose_certificate_is_trusted(kind, context):
    """By address and by name, several requests on one connection."""
    with Peer(answers, tls=context("right")) as peer:
        for url in (peer.url, peer.url.replace("127.0.0.1", "localhost")):
            user = transport(kind, url)
            assert [user.exchange("POST", f"/{n}", b"", b"x").body for n in range(3)] == [b"/0 x", b"/1 x", b"/2 x"]
            user.close()
    assert peer.connections == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("certificate", "detail"),
    [
        ("wrong name", "certificate: name mismatch"),
        ("untrusted", "certificate: unable to get local issuer certificate"),
        ("expired", "certificate: certificate has expired"),
    ],
)
def test_refuses_whom_it_cannot_verify(certificate, detail, kind, context):
    """Nothing is sent; the words name the reason and no host."""
    with Peer(answers, tls=context(certificate)) as peer:
        reply = transport(kind, peer.url).exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail, reply.sent_bytes) == (LOST, detail, 0)
    assert peer.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_takes_anybody_when_told_not_to_verify(certificate, kind, context):
    """``tls_verify`` false is the user's decision."""
    with Peer(answers, tls=context(certificate)) as peer:
        user = transport(kind, peer.url, tls_verify=False)
        assert user.exchange("GET", "/", b"", None).body == b"/ "
        user.close()


@pytest.mark.parametrize("kind", KINDS)
def test_large_bodies_both_ways(kind, context):
    """A megabyte out in partial sends to a slow reader, a megabyte back."""

    def slow(line: Line) -> None:
        line.sleep(0.05)
        answers(line)

    with Peer(slow, tls=context("right"), receive_bytes=4096) as peer:
        user = transport(kind, peer.url)
        assert user.exchange("POST", "/big", b"", MEGABYTE).body == b"/big " + MEGABYTE
        assert user.exchange("POST", "/small", b"", b"x").body == b"/small x"
        user.close()
    assert peer.connections == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("script", "want"),
    [
        (says_and_closes(head(version="1.0") + b"ok"), (200, None, b"ok")),
        (says_and_closes(head("Content-Length: 9") + b"ok"), (200, BAD, b"")),
        (hears_and_closes, (0, LOST, b"")),
        (says(), (0, LATE, b"")),
    ],
    ids=["ends by closing", "cut short", "nothing", "silence"],
)
def test_outcomes_are_those_without_tls(script, want, kind, context):
    """A stream that ends, is cut, or stays silent."""
    with Peer(script, tls=context("right")) as peer:
        reply = transport(kind, peer.url, timeout_s=0.5).exchange("GET", "/", b"", None)
    assert words(reply) == want


@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_of_sending_again_holds(kind, context):
    """Kept alive, closed before any byte: a GET is sent again, a POST is lost."""
    scripts = (answers_once_then(hears_and_closes), answers_once_then(hears_and_closes), says(OK))
    with Peer(*scripts, tls=context("right")) as peer:
        user = transport(kind, peer.url)
        user.exchange("GET", "/", b"", None)
        again = user.exchange("GET", "/", b"", None)
        lost = user.exchange("POST", "/", b"", b"x")
        user.close()
    assert (words(again), again.resent) == ((200, None, b"ok"), True)
    assert (lost.failure, lost.resent) == (LOST, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_peer_without_tls_is_a_connection_error(kind, context):
    """Plain HTTP on the port; the handshake fails."""
    with Peer(lambda line: line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        reply = transport(kind, peer.url.replace("http:", "https:")).exchange("GET", "/", b"", None)
    assert reply.failure is LOST
    assert reply.detail.startswith("tls: ")


def test_a_peer_that_ends_tls_is_not_talked_to_again(context):
    """Fast: close_notify in one segment with the answer, TCP left open: the next request takes a new connection."""

    def ends(line: Line) -> None:
        line.hear()
        line.end_tls(OK)
        line.hold()

    with Peer(ends, answers, tls=context("right")) as peer:
        user = transport("fast", peer.url)
        replies = [user.exchange("POST", path, b"", b"x") for path in ("/a", "/b")]
        user.close()
    assert [reply.body for reply in replies] == [b"ok", b"/b x"]


def test_silence_in_the_handshake_runs_into_the_time_out(context):
    """Fast: connected, but the peer never answers the hello."""
    with Peer(Line.hold) as peer:
        reply = transport("fast", peer.url.replace("http:", "https:"), timeout_s=0.2).exchange("GET", "/", b"", None)
    assert (reply.failure, reply.detail) == (LATE, "no connection in time")


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file_of_authorities_is_a_usage_error(kind, monkeypatch, tmp_path):
    """Said before anything is sent, not silently replaced by the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(UsageError, match="SSL_CERT_FILE"):
        maker(kind, "https://localhost")


def test_the_preflight_trusts_whom_the_transports_trust(context):
    """A private authority in ``SSL_CERT_FILE`` is enough; a stranger's certificate is refused at once."""
    body = b'{"status": "healthy", "constitutional_hash": "cdd01ef066bc6cf2"}'
    well = says(head("X-Constitutional-Hash: cdd01ef066bc6cf2", f"Content-Length: {len(body)}") + body)
    for kind in KINDS:
        with Peer(well, tls=context("right")) as peer:
            assert preflight(plan(target=peer.url, transport=kind)).health["status"] == "healthy"
        with Peer(well, tls=context("untrusted")) as peer, pytest.raises(TargetError, match="TLS refused"):
            preflight(plan(target=peer.url, transport=kind))
