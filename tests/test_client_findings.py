"""What is told of an answer that is wrong: its score, an example without secrets, what came and what was due."""

import json

import pytest
from fake_transport import Stage
from test_client_outcomes import WHOLE, judged


@pytest.mark.parametrize(
    ("text", "score"),
    [("1.0", 1.0), ("0", 0.0), ("0.97", 0.97), (" .5 ", 0.5), ("1e-1", 0.1), ("1.0001", None), ("-0", None)]
    + [(text, None) for text in ("", "nan", "inf", "1_0", "0x1", "0,5", "true", "٠")],
)
def test_the_score_header_is_a_number_from_0_to_1(text, score):
    """Anything else is no score, and the answer is not compliant."""
    judgement = judged("policy_list", 200, WHOLE["policy_list"], {"x-constitutional-score": text})
    assert judgement.score == score
    assert [str(f.violation) for f in judgement.findings] == ([] if score is not None else ["not_compliant"])


def test_examples_hold_no_secrets_and_stay_on_one_line(monkeypatch):
    """A target that echoes token or password does not get them into a report."""
    monkeypatch.setenv("ACGS_PASSWORD", "opensesame")
    stage = Stage()
    monkeypatch.setattr(stage.target, "name_token", lambda: "tok" + "en" * 100)
    visit = stage.visit()
    token = visit._client.token

    def echo(answer):
        answer.body["tenant_id"] = f"opensesame\n{token}"

    stage.plant("tenant_data_access", echo)
    visit.run("tenant")
    text = json.dumps(stage.recorder.examples)
    assert "isolation_breach" in text
    assert token[:20] not in text
    assert "opensesame" not in text
    assert all(len(words) <= 300 and "\n" not in words for _, _, words in stage.recorder.examples)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("x-constitutional-compliant", None, "X-Constitutional-Compliant is absent, not true"),
        ("x-constitutional-compliant", "no", "X-Constitutional-Compliant is 'no', not true"),
        ("x-constitutional-score", None, "X-Constitutional-Score is absent"),
        ("x-constitutional-score", "2", "X-Constitutional-Score is '2', not a number from 0 to 1"),
        ("x-constitutional-hash", None, "X-Constitutional-Hash is absent"),
        ("x-constitutional-hash", "abc", "X-Constitutional-Hash is 'abc', not cdd01ef066bc6cf2"),
    ],
)
def test_a_finding_says_what_came_and_what_was_due(name, value, words):
    """In words for somebody who knows neither the code nor the contract."""
    stage = Stage()

    def spoil(answer):
        answer.headers.pop(name)
        if value is not None:
            answer.headers[name] = value

    stage.plant("constitutional_verify", spoil)
    stage.visit().run("constitutional")
    assert [text for _, _, text in stage.recorder.examples] == [f"header {words}"]
