"""Transport, recorder and clock without sockets: requests go to a ``FakeTarget``; defects may be planted on the way."""

import functools
import json
from collections import Counter
from unittest import mock

from fake_target import HASH, FakeTarget

from acgs_load.contract import OPERATIONS, Outcome
from acgs_load.plan import Node, Plan
from acgs_load.plan import Stage as PlanStage
from acgs_load.traffic.transport.exchange import Reply
from acgs_load.traffic.user.proofs import ProofBook
from acgs_load.traffic.user.world import SharedWorld

_BOOK = functools.cache(ProofBook)
SCENARIOS = ("constitutional", "tenant", "policy", "formal", "integrity")


class FakeAnswer:
    """One answer on its way back; defects change it."""

    def __init__(self, status, body, sent):
        self.status, self.body, self.sent = status, body, sent
        self.headers = {"x-constitutional-hash": HASH}
        if 200 <= status < 300:
            self.headers |= {"x-constitutional-score": "1.0", "x-constitutional-compliant": "true"}
        self.raw = None
        self.failure = None
        self.resent = False


class FakeTransport:
    """A connection to the target in ``stage``."""

    def __init__(self, stage):
        self.stage = stage

    def exchange(self, method, path, headers, body):
        """The target's answer after all defects that are planted for the operation."""
        return self.stage.exchange(method, path, headers, body)

    def close(self):
        """Nothing is open."""


class FakeRecorder:
    """Keeps everything."""

    def __init__(self):
        self.samples, self.skipped, self.examples = [], [], []

    def record(self, sample):
        self.samples.append(sample)

    def skip(self, operation, scenario):
        self.skipped.append((operation, scenario))

    def example(self, kind, operation, text, status=0):
        self.examples.append((str(kind), operation, text))

    def outcomes(self, operation):
        """How often each outcome came."""
        return Counter(str(sample.outcome) for sample in self.samples if sample.operation == operation)

    def violations(self):
        """Every (operation, violation) with its count."""
        return Counter((s.operation, str(violation)) for s in self.samples for violation in s.violations)


class FakeArrivals:
    """Closed load, or the due times that a test lists."""

    def __init__(self, due=None):
        self.due, self.asked = list(due or []), 0

    def next_due_s(self):
        self.asked += 1
        return self.due.pop(0) if self.due else None


class Stage:
    """A target, a world and a clock that moves a millisecond per request; requests are kept as they were sent."""

    def __init__(self, **plan):
        self.target = FakeTarget()
        self.recorder = FakeRecorder()
        self.arrivals = FakeArrivals()
        self.now_s = 100.0
        self.slept = []
        self.sent = []
        self.defects = {}
        self.before = {}
        with mock.patch("acgs_load.traffic.user.world.ProofBook", _BOOK):  # one seed, one book: it is dear to build
            self.world = SharedWorld(plan_of(**plan), 0, 1)
        self.world.clock = lambda: self.now_s
        self.world.epoch = lambda: 1_770_000_000.123

    def visit(self):
        """Another user, logged in."""
        visit = self.world.new_visit(lambda: FakeTransport(self), self.recorder, self.arrivals, self.sleep)
        visit.prepare()
        return visit

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds

    def plant(self, operation, defect):
        """Let ``defect(answer)`` change every answer of ``operation``."""
        self.defects[operation] = defect

    def plant_before(self, operation, defect):
        """Let ``defect()`` run before the target sees a request; what it returns is the answer, None lets it pass."""
        self.before[operation] = defect

    def exchange(self, method, path, headers, body):
        lines = dict(line.split(": ", 1) for line in headers.decode().splitlines())
        sent = {"method": method, "path": path, "headers": lines, "body": json.loads(body) if body else None}
        own = self.target.tokens.get(lines.get("Authorization", "").removeprefix("Bearer "), "")
        operation = operation_of(sent, own)
        sent["operation"] = operation
        self.sent.append(sent)
        begin_s = self.now_s
        self.now_s += 0.001
        answer = self.before[operation]() if operation in self.before else None
        if answer is None:
            answer = FakeAnswer(*self.target.handle(method, path, lines, sent["body"]), sent)
            if operation in self.defects:
                self.defects[operation](answer)
        if answer.failure is not None:
            return Reply(0, {}, b"", begin_s, self.now_s, answer.failure, "planted", answer.resent, 50, 0)
        raw = json.dumps(answer.body).encode() if answer.raw is None else answer.raw
        return Reply(answer.status, answer.headers, raw, begin_s, self.now_s, None, "", answer.resent, 50, len(raw))

    def sent_as(self, operation):
        """All requests of one operation."""
        return [sent for sent in self.sent if sent["operation"] == operation]


def failing(outcome):
    """A defect: the answer never arrives, though the target handled the request."""

    def defect(answer):
        answer.failure = outcome

    return defect


def unanswered(outcome):
    """A defect before the target: it never sees the request."""

    def defect():
        answer = FakeAnswer(0, {}, None)
        answer.failure = outcome
        return answer

    return defect


TIMEOUT = failing(Outcome.TIMEOUT)


def operation_of(sent, own):
    """The operation that a request belongs to, read off its path as the contract's table has it."""
    path, method, body = sent["path"].split("?")[0], sent["method"], sent["body"]
    if path.startswith("/gateway"):
        return "config"
    if path == "/api/verification/verify":
        return "formal_verification" if body["verification_type"] == "compliance" else "constitutional_formal_request"
    if path.endswith("/data"):
        return "tenant_data_access" if path == f"/api/tenant/{own}/data" else "cross_tenant_access_attempt"
    if path.startswith("/api/policy/") and path not in ("/api/policy/create", "/api/policy/list"):
        return "policy_get" if method == "GET" else "policy_update"
    if path.startswith("/api/tenant/"):
        return "tenant_config_update"
    plain = {(o.method, o.path.split("?")[0]): name for name, o in OPERATIONS.items()}
    return plain[method, path]


def plan_of(**changes):
    """A plan with everything that the world does not look at filled in."""
    stages = (PlanStage(name="hold", duration_s=10, users_from=1, users_to=1, hold=True),)
    given = {
        "name": "test",
        "test_type": "smoke",
        "target": "http://target",
        "embedded": False,
        "load": "closed",
        "stages": stages,
        "users_max": 10,
        "spawn_rate": 1,
        "seed": 7,
        "nodes": (Node("local", 1, 10, "here"),),
        "thresholds": (),
        "target_rps": None,
        "folder": "reports/test",
    }
    return Plan(**(given | changes))


def lived(stage, iterations, scenarios=SCENARIOS):
    """The stage after three users went through the scenarios in turn."""
    visits = [stage.visit() for _ in range(3)]
    for _ in range(iterations):
        for visit in visits:
            for scenario in scenarios:
                visit.prepare()
                visit.run(scenario)
    return stage
