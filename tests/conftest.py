"""What tests of several modules share; one that needs another gateway makes its own."""

import json
import os
import re

import gevent
import pytest
from hypothesis import HealthCheck, settings
from test_gateway_support import Gateway

# slowness is the machine's doing; the same cases each time, so that a change is tested and not luck: make fuzz explores
settings.register_profile(
    "suite", deadline=None, derandomize="FUZZ_FACTOR" not in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def loop_that_knows_the_time():
    """gevent's loop keeps the time of its last turn, and ``joinall`` and ``sleep`` count from it.

    Where other tests kept the process for a minute, a time-out of a minute would be over as it begins.
    """
    gevent.get_hub().loop.update_now()


@pytest.fixture(scope="module")
def gateway():
    """A truthful gateway for the tests of one module."""
    with Gateway("--solvers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway):
    """A user who has logged in there."""
    return gateway.client()


@pytest.fixture
def fresh(gateway, request):
    """A client of a tenant that nobody used before."""
    return gateway.client(re.sub(r"[^A-Za-z0-9_-]", "-", request.node.name)[:64])


@pytest.fixture
def config(tmp_path):
    """Writes a configuration file and gives the flags that name it."""

    def write(content: object, name: str = "custom.json") -> dict[str, object]:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return {"config_file": str(path)}

    return write
