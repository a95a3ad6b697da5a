"""Four thousand users at one embedded gateway: everybody gets in."""

from __future__ import annotations

import json

import pytest
import running

pytestmark = pytest.mark.matrix


def test_four_thousand_users_log_in_at_one_gateway(tmp_path):
    """Each once, at the first try, within the ramp; they think long, so that a small machine carries them."""
    config = tmp_path / "crowd.json"
    config.write_text(json.dumps({"THINK_TIME": [20, 40]}))
    load = ("--users", "4000", "--duration", "45s", "--workers", "1", "--threshold", "throughput_rps >= 1")
    ended = running.run(tmp_path, "--config-file", str(config), "--target", "embedded:0", *load)
    logins = next(row for row in ended.report["operations"] if row["operation"] == "auth_login")
    assert logins["outcomes"] == {"ok": 4000}, ended.output
    assert ended.record["users"] == {"wanted": 4000, "reached": 4000, "without_token": 0}
