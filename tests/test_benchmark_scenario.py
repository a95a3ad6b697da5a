"""The parts of ``python -m benchmarks.scenario`` that need no k6: formulas, counts, and our own users."""

import contextlib
import http.server
import json
import subprocess
import sys
import threading

import pytest
from running import gateway

from acgs_load.contract import DEFAULT_MIX, OPERATIONS
from benchmarks.gateway_target import GatewayTarget, shares
from benchmarks.proof_sheet import FORMULAS, write_proof_sheet

_METRICS = """\
# TYPE acgs_requests_total counter
acgs_requests_total{operation="policy_get",status="200"} 30
acgs_requests_total{operation="policy_get",status="404"} 2
acgs_requests_total{operation="auth_login",status="200"} 5
acgs_requests_total{operation="none",status="404"} 7
acgs_request_duration_seconds_count{operation="policy_get"} 99
"""


def test_a_sheet_holds_every_kind_of_formula_with_both_verdicts(tmp_path):
    """What k6 asks the solver is as mixed as what ours asks."""
    write_proof_sheet(1, tmp_path / "sheet.json")
    sheet = json.loads((tmp_path / "sheet.json").read_bytes())
    assert {name: len(rows) for name, rows in sheet.items()} == dict.fromkeys(
        ("compliance", "consistency", "obligations", "constraints"), FORMULAS
    )
    for name, field in (("compliance", "compliant"), ("obligations", "valid"), ("constraints", "satisfiable")):
        assert {row[field] for row in sheet[name]} == {True, False}, name
    assert all("requirement" in json.loads(row["content"]) for row in sheet["compliance"])
    assert {"declarations", "constraints"} == set(json.loads(sheet["constraints"][0]["body"]))


def test_the_gateway_is_asked_for_its_counts():
    """Statuses are summed; what is no operation is left out."""
    with _page(_METRICS) as url:
        assert GatewayTarget(url).counts() == {"policy_get": 32, "auth_login": 5}


def test_shares_leave_logins_out():
    """They are parts of the requests of scenarios, and none where there are none."""
    told = shares({"policy_get": 30, "audit_create": 10, "auth_login": 60})
    assert (told["policy_get"], told["audit_create"], sum(told.values())) == (0.75, 0.25, 1.0)
    assert shares({"auth_login": 1}) == {}


@pytest.mark.slow
def test_our_users_keep_to_the_mix_and_find_nothing_wrong():
    """Every answer of the reference gateway passes every check, in the shares of the contract."""
    with gateway() as url:
        command = [sys.executable, "-m", "benchmarks.scripts.scenario_users", url, "--users", "10", "--seconds", "2.5"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["requests"] > 200
        assert told["failures"] == 0, done.stderr
        parts = shares(GatewayTarget(url).counts())
    for scenario, weight in DEFAULT_MIX.items():
        part = sum(parts[name] for name, operation in OPERATIONS.items() if operation.scenario == scenario)
        assert part == pytest.approx(weight / 100, abs=0.05), scenario


@contextlib.contextmanager
def _page(text):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
