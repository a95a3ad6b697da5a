"""Whatever a target answers, the client judges it and goes on."""

import copy
import json
from random import Random

import pytest
from fake_transport import SCENARIOS, Stage

DEEP = json.loads("[" * 300 + "]" * 300)
NASTY = (
    None,
    True,
    0,
    -1,
    2**63,
    -(2**63),
    1.5,
    1e308,
    "",
    "x" * 5000,
    "canary-",
    "\u0000\ud7ff😀\n",
    "1/0",
    [],
    [None],
    [[]],
    {},
    {"": {}},
    [{"tenant_id": 1, "id": []}],
    DEEP,
    {"rule": DEEP, "constraints": 1, "conditions": None, "metadata": ""},
)
STATUSES = (200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
HEADERS = (None, "", "x", "1e999", "0.5", "true", "cdd01ef066bc6cf2")


def nasty(random):
    """One of them, fresh."""
    return copy.deepcopy(random.choice(NASTY))


def places(value):
    """Every place in a body that something else may be put, as (container, key)."""
    found, waiting = [], [value]
    while waiting:
        container = waiting.pop()
        pairs = list(container.items() if isinstance(container, dict) else enumerate(container))
        for key, inner in pairs:
            found.append((container, key))
            if isinstance(inner, dict | list):
                waiting.append(inner)
    return found


def spoil(random):
    """A defect that changes one to three things at random."""

    def defect(answer):
        for _ in range(random.randint(1, 3)):
            kind = random.randrange(12)
            if kind == 0:
                answer.status = random.choice(STATUSES)
            elif kind == 1:
                answer.headers[random.choice(list(answer.headers) or ["x"])] = random.choice(HEADERS) or ""
            elif kind == 2:
                answer.body = nasty(random)
            elif kind == 3:
                answer.raw = json.dumps(answer.body).encode()[: random.randrange(400)]
            elif isinstance(answer.body, dict | list) and (found := places(answer.body)):
                container, key = random.choice(found)
                if kind < 6:
                    del container[key]
                else:
                    container[key] = nasty(random)

    return defect


def live(visits, iterations):
    """Every scenario in turn."""
    for _ in range(iterations):
        for visit in visits:
            for scenario in SCENARIOS:
                visit.prepare()
                visit.run(scenario)


@pytest.mark.parametrize("seed", range(4))
def test_no_answer_stops_a_user(seed):
    """Random damage to answers of every operation: each is judged, none raises, and a sample is kept of each."""
    random = Random(seed)
    stage = Stage(tenants=("a", "b"))
    visits = [stage.visit() for _ in range(3)]
    defect = spoil(random)
    for operation in (*stage.world.terms.routes, "config"):
        stage.plant(operation, lambda answer: random.random() < 0.4 and defect(answer))
    live(visits, 12)
    assert len(stage.recorder.samples) == len([sent for sent in stage.sent if sent["operation"] != "config"])
    assert all(len(text) <= 300 and text.isprintable() for _, _, text in stage.recorder.examples)
    assert len({str(sample.outcome) for sample in stage.recorder.samples}) >= 4


def test_after_the_damage_a_truthful_target_is_found_truthful_again():
    """What was damaged does not poison what is known: the last answers carry no violations."""
    random = Random(99)
    stage = Stage(tenants=("a", "b"))
    visits = [stage.visit() for _ in range(3)]
    defect = spoil(random)
    for operation in stage.world.terms.routes:
        stage.plant(operation, lambda answer: random.random() < 0.2 and defect(answer))
    live(visits, 12)
    stage.defects.clear()
    live(visits, 12)
    stage.recorder.samples.clear()
    stage.recorder.examples.clear()
    live(visits, 12)
    assert stage.recorder.violations() == {}, stage.recorder.examples[:5]
