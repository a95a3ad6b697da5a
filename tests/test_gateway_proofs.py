"""Verification by the real Z3: right verdicts, satisfying models, and nothing that hangs or dies of a question."""

import itertools
import threading
from fractions import Fraction

import psutil
import pytest
from test_gateway_support import HASH, Client

pytestmark = pytest.mark.slow

HARD = "(declare-const a Int)(declare-const b Int)(declare-const c Int)(assert (and (> a 1) (> b 1) (> c 1)))"
HARD += "(assert (= (+ (* a a a) (* b b b)) (* c c c)))"
CUBES = {"a": "Int", "b": "Int", "c": "Int"}
CUBES_HOLD = ["(and (> a 1) (> b 1) (> c 1))", "(= (+ (* a a a) (* b b b)) (* c c c))"]


def verify(client, kind, declarations, constraints, **requirement):
    """The body of a verification."""
    content = {"declarations": declarations, "constraints": constraints, **requirement}
    told = {"policy_content": content, "verification_type": kind, "tenant_id": client.tenant, "timestamp": "t"}
    answer = client.call("POST", "/api/verification/verify", {**told, "constitutional_hash": HASH})
    assert answer.status == 200, answer.text
    return answer.body


def discharge(client, smtlib, timeout_ms=5000):
    """The answer to an obligation."""
    told = {"obligation_id": "o-1", "smtlib": smtlib, "timeout_ms": timeout_ms}
    return client.call("POST", "/api/verification/obligations", told)


def validate(client, declarations, constraints):
    """The answer to a constraint validation."""
    told = {"declarations": declarations, "constraints": constraints}
    return client.call("POST", "/api/verification/constraints", told)


@pytest.mark.parametrize(
    ("constraints", "requirement", "compliance", "consistency"),
    [
        (["(> x 3)"], "(> x 2)", True, True),
        (["(> x 3)"], "(> x 4)", False, True),
        (["(> x 3)", "(< x 2)"], "false", True, False),
        ([], "true", True, True),
        ([], "(= x x)", True, True),
        (["(=> b (> r 0.5))", "b"], "(>= r (/ 1 2))", True, True),
    ],
)
def test_compliance_and_consistency(client, constraints, requirement, compliance, consistency):
    """Compliant: the requirement follows, that is, its negation is unsat; consistent: the constraints are sat."""
    declarations = {"x": "Int", "b": "Bool", "r": "Real"}
    body = verify(client, "compliance", declarations, constraints, requirement=requirement)
    assert (body["is_compliant"], body["solver"]) == (compliance, "z3")
    assert body["solver_result"] == ("unsat" if compliance else "sat")
    assert body["verification_time_ms"] >= 0
    for ignored in ({}, {"requirement": requirement}, {"requirement": "nonsense ("}):
        body = verify(client, "consistency", declarations, constraints, **ignored)
        assert (body["is_compliant"], body["solver_result"]) == (consistency, "sat" if consistency else "unsat")


def test_obligations(client):
    """Unsat negation: valid, without counterexample; sat: invalid, with one on every constant."""
    body = discharge(client, "(declare-const x Int)(assert (and (> x 1) (< x 1)))(check-sat)").body
    assert {"obligation_id": "o-1", "result": "valid", "counterexample": None}.items() <= body.items()
    body = discharge(client, "(declare-const x Int)(declare-fun y () Bool)(assert (> x 1))(check-sat)(get-model)").body
    assert body["result"] == "invalid"
    assert body["counterexample"]["x"] > 1
    assert body["counterexample"]["y"] in (True, False)
    assert discharge(client, "(assert true)").body["counterexample"] == {}
    assert discharge(client, "").body["result"] == "invalid"


def test_an_uninterpreted_function_is_no_constant(client):
    """Only what takes no argument appears in a counterexample."""
    body = discharge(client, "(declare-fun f (Int) Int)(declare-fun c () Int)(assert (= (f c) (+ c 1)))").body
    assert body["result"] == "invalid"
    assert list(body["counterexample"]) == ["c"]


@pytest.mark.parametrize(
    ("sort", "constraint", "value"),
    [
        ("Bool", "x", True),
        ("Bool", "(not x)", False),
        ("Int", "(= x (- 7))", -7),
        ("Int", "(= x 123456789012345678901234567890)", 123456789012345678901234567890),
        ("Real", "(= x 3.0)", "3"),
        ("Real", "(= x 0)", "0"),
        ("Real", "(= (* 6 x) 4.0)", "2/3"),
        ("Real", "(= (* 6 x) (- 4.0))", "-2/3"),
        ("Real", "(= x 0.1)", "1/10"),
    ],
)
def test_values_are_written_as_the_contract_says(client, sort, constraint, value):
    """Booleans, integers of any size, fractions in lowest terms."""
    body = validate(client, {"x": sort}, [constraint]).body
    assert (body["satisfiable"], body["model"]) == (True, {"x": value})
    assert type(body["model"]["x"]) is type(value)


def test_every_declared_constant_is_in_the_model(client):
    """Also those that no constraint mentions."""
    names = {f"c{number}": sort for number, sort in enumerate(["Bool", "Int", "Real"] * 5)}
    assert set(validate(client, names, []).body["model"]) == set(names)
    assert validate(client, {}, []).body["model"] == {}


def test_unsatisfiable_constraints_have_no_model(client):
    """False, null."""
    body = validate(client, {"x": "Int"}, ["(> x 1)", "(< x 1)"]).body
    assert (body["satisfiable"], body["model"]) == (False, None)


def test_models_satisfy(client):
    """A hundred systems of inequalities, each model put back in."""
    for a, b in itertools.product(range(1, 11), repeat=2):
        constraints = [f"(> (+ (* {a} x) y) {b})", f"(< (- x y) {a - b})", f"(= (* {a + b} r) (to_real x))"]
        model = validate(client, {"x": "Int", "y": "Int", "r": "Real"}, constraints).body["model"]
        x, y, r = model["x"], model["y"], Fraction(model["r"])
        assert a * x + y > b
        assert x - y < a - b
        assert (a + b) * r == x


def test_definitions_do_not_leak_into_the_next_question(client):
    """The same name means something else in every script."""
    for number in range(20):
        defined = f"(define-fun f ((a Int)) Int (+ a {number}))(declare-const x Int)(assert (= (f x) 100))"
        assert discharge(client, defined).body["counterexample"] == {"x": 100 - number}
        free = f"(declare-fun f (Int) Int)(declare-const x Int)(assert (and (= (f 1) {number + 7}) (= x (f 1))))"
        assert discharge(client, free).body["counterexample"] == {"x": number + 7}
        constant = f"(define-fun x () Int {number})(declare-const y Int)(assert (= y (+ x 1)))"
        assert discharge(client, constant).body["counterexample"] == {"y": number + 1}
        assert validate(client, {"x": "Int"}, [f"(= x {1000 + number})"]).body["model"] == {"x": 1000 + number}


@pytest.mark.parametrize(
    "smtlib",
    [
        "(assert x)",
        "(assert 5)",
        "(assert (foo 1))",
        "(declare-const x Int)(assert (and x true))",
        "(declare-fun f (Int) Int)(assert (= (f 1 2) 3))",
        "(define-fun f ((a Int)) Bool a)(assert (f 1))",
        '(assert (= "a" 1))',
        "(assert (let ((y 1)) (> z y)))",
        "(assert (forall ((y Foo)) true))",
        "(assert (())",
        "(assert ())",
        "(assert (_ bv1 8))",
        "(push)",
        "nonsense",
    ],
)
def test_what_z3_cannot_read_is_422_and_the_next_question_is_answered(client, smtlib):
    """Unknown names, wrong sorts, wrong arity, forbidden commands: an invalid field, no crash."""
    answer = discharge(client, smtlib)
    assert (answer.status, answer.body["error"]) == (422, "invalid_field")
    assert discharge(client, "(assert false)").body["result"] == "valid"


@pytest.mark.parametrize("term", ["(> y 1)", "5", "(and", "true) (assert false"])
def test_bad_terms_are_422(client, term):
    """In constraints and requirements alike."""
    assert validate(client, {"x": "Int"}, [term]).status == 422
    for content in ({"constraints": [term]}, {"constraints": [], "requirement": term}):
        told = {"policy_content": {"declarations": {}, **content}, "verification_type": "compliance", "timestamp": "t"}
        told["policy_content"].setdefault("requirement", "true")
        answer = client.call(
            "POST", "/api/verification/verify", {**told, "tenant_id": "tenant-a", "constitutional_hash": HASH}
        )
        assert (answer.status, answer.body["error"]) == (422, "invalid_field")


def test_a_hard_problem_is_unknown_within_its_time(client):
    """Fermat's cubes keep Z3 busy for ever; the answer comes all the same, and is asked anew every time."""
    body = discharge(client, HARD, timeout_ms=100).body
    assert (body["result"], body["counterexample"]) == ("unknown", None)
    assert discharge(client, HARD, timeout_ms=1).body["result"] == "unknown"


def test_unknown_is_not_compliant_and_no_model(client):
    """Null where nothing is known. The solver gets its five seconds here; both questions run at once."""
    answers = {}
    other = Client(client.connection.port)
    other.token = client.token

    def ask():
        answers["validate"] = validate(other, CUBES, CUBES_HOLD).body

    thread = threading.Thread(target=ask)
    thread.start()
    body = verify(client, "compliance", CUBES, CUBES_HOLD, requirement="false")
    thread.join()
    assert (body["is_compliant"], body["solver_result"]) == (False, "unknown")
    assert (answers["validate"]["satisfiable"], answers["validate"]["model"]) == (None, None)


def test_an_irrational_model_is_unknown(client):
    """√2 has no form in the contract; nothing false is said about it."""
    body = discharge(client, "(declare-const x Real)(assert (= (* x x) 2.0))").body
    assert (body["result"], body["counterexample"]) == ("unknown", None)
    assert validate(client, {"x": "Real"}, ["(= (* x x) 2.0)"]).body["satisfiable"] is None
    assert verify(client, "consistency", {"x": "Real"}, ["(= (* x x) 2.0)"])["is_compliant"] is True


def test_a_question_that_eats_memory_is_unknown(client):
    """Terms that double sixty times must not take the machine with them."""
    doubling = "(declare-const x0 Int)" + "".join(
        f"(define-fun x{number} () Int (+ (* x{number - 1} x{number - 1}) 1))" for number in range(1, 28)
    )
    answer = discharge(client, doubling + "(assert (= x27 5))", timeout_ms=1000)
    assert answer.status in (200, 422)
    assert answer.status == 422 or answer.body["result"] in ("unknown", "valid")
    assert discharge(client, "(assert false)").body["result"] == "valid"


def test_a_killed_solver_is_replaced(gateway, client):
    """Its question is unknown; the next ones find a solver again."""
    for solver in psutil.Process(gateway.process.pid).children():
        solver.kill()
    results = {discharge(client, f"(assert (> 1 {number}))").body["result"] for number in range(5, 12)}
    assert results <= {"valid", "unknown"}
    assert discharge(client, "(assert (> 1 99))").body["result"] == "valid"


def test_hard_problems_do_not_block_other_operations(gateway, client):
    """While every solver is busy, what needs none is answered, and the queue is told."""
    threads = [
        threading.Thread(
            target=lambda number=number: discharge(gateway.client(), HARD + f"(assert (> a {number}))", 700)
        )
        for number in range(5)
    ]
    for thread in threads:
        thread.start()
    depths = []
    while any(thread.is_alive() for thread in threads):
        depths.append(client.call("GET", "/api/verification/status").body["queue_depth"])
    assert max(depths) >= 1
    status = client.call("GET", "/api/verification/status").body
    assert (status["solver"], status["queue_depth"]) == ("z3", 0)
    assert status["version"]
    assert status["completed"] > 5


def test_the_same_question_at_once_is_asked_once(gateway, client):
    """Waiting for the same verdict costs no second solver."""
    before = client.call("GET", "/api/verification/status").body["completed"]
    clients = [gateway.client() for _ in range(6)]
    threads = [threading.Thread(target=discharge, args=(each, HARD + "(assert (> b 77))", 500)) for each in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.call("GET", "/api/verification/status").body["completed"] - before < 6
