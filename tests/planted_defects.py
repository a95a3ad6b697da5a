"""Defects to plant in a fake target's answers: each takes an answer on its way back and spoils it."""

import base64

from fake_logic import sha

OTHER_HASH = "0" * 64
FOREIGN = "canary-tenant-999-0123456789abcdef"


def put(**changes):
    """A defect that overwrites keys of the body."""

    def defect(answer):
        if 200 <= answer.status < 300:
            answer.body.update({name: v(answer.body) if callable(v) else v for name, v in changes.items()})

    return defect


def header(name, value):
    """A defect that sets a header, or takes it away."""

    def defect(answer):
        if value is None:
            answer.headers.pop(name, None)
        else:
            answer.headers[name] = value

    return defect


def without(name):
    """A defect that takes a key of the body away."""
    return lambda answer: answer.body.pop(name, None)


def first(name, **changes):
    """A defect that changes the first object of a list in the body."""

    def defect(answer):
        if answer.body.get(name):
            answer.body[name][0].update(changes)

    return defect


def inside(name, **changes):
    """A defect that changes an object in the body."""
    return lambda answer: answer.body.get(name, {}).update(changes)


def become(status, **body):
    """A defect that replaces the whole answer by one with this status and these keys beside the hash."""

    def defect(answer):
        answer.status = status
        answer.body = {"constitutional_hash": "cdd01ef066bc6cf2", **body}
        if 200 <= status < 300:
            answer.headers |= {"x-constitutional-score": "1.0", "x-constitutional-compliant": "true"}

    return defect


def refused_with(**more):
    """A defect that adds keys to a refusal."""
    return lambda answer: answer.body.update(more)


NOT_FOUND = become(404, error="not_found", message="", request_id="", timestamp="")


def model(change):
    """A defect that changes a model or counterexample where there is one."""

    def defect(answer):
        for name in ("model", "counterexample"):
            if answer.body.get(name) is not None:
                answer.body[name] = change(answer.body[name])

    return defect


def missing_model(answer):
    """A model is null where one is due."""
    for name in ("model", "counterexample"):
        if name in answer.body:
            answer.body[name] = None


def needless_model(answer):
    """A model stands where none is due."""
    for name in ("model", "counterexample"):
        if name in answer.body and answer.body[name] is None:
            answer.body[name] = {}


def one_value_away(values):
    """A model that lacks its last constant."""
    return dict(list(values.items())[:-1]) if values else {"added": 1}


def out_of_bounds(values):
    """Values that break every bound and flip every truth."""
    return {n: (not v) if type(v) is bool else 10**6 if type(v) is int else "1000001/2" for n, v in values.items()}


def wrong_spelling(values):
    """Reals as numbers, integers as text."""
    return {n: 0.5 if type(v) is str else str(v) for n, v in values.items()}


def turned(names):
    """A defect that turns truth values and verdicts round."""
    pairs = {"sat": "unsat", "unsat": "sat", "valid": "invalid", "invalid": "valid", "permit": "deny", "deny": "permit"}

    def defect(answer):
        for name in names.split():
            if name in answer.body:
                value = answer.body[name]
                answer.body[name] = (not value) if type(value) is bool else pairs[value]

    return defect


def stale_policy(answer):
    """policy_get shows the state before the last update."""
    if answer.body.get("version", 1) > 1:
        answer.body["version"] -= 1


def shifted_window(answer):
    """chain_verify leaves the latest entry out but counts it."""
    answer.body["entries"] = answer.body["entries"][:-1]


def rewritten_window(answer):
    """chain_verify shows a chain that is sound in itself, but not the one that was acknowledged."""
    previous = answer.body["entries"][0]["previous_hash"] if answer.body["entries"] else None
    for entry in answer.body["entries"]:
        entry["previous_hash"] = previous
        entry["timestamp"] = "2020-01-01T00:00:00.000Z"
        previous = sha(entry)
    answer.body["head_hash"] = previous


def rewritten_event(answer):
    """audit_verify shows another content, soundly hashed."""
    answer.body["entry"]["details"] = {"amount": 1}
    answer.body["entry_hash"] = sha(answer.body["entry"])


def false_signature(answer):
    """audit_create's signature signs something else."""
    answer.body["signature"] = base64.b64encode(bytes(64)).decode()
