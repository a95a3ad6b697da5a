"""The gateway as a process: readiness, flags, ports, signals, restarts, orphans, several workers."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from test_gateway_support import HASH, POLICY, ROOT, Client, Gateway, requests_counted

pytestmark = pytest.mark.slow


def run(*flags, **environment):
    """A gateway that is not expected to come up."""
    return subprocess.run(
        [sys.executable, "-m", "acgs_load.gateway", *flags],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_stdout_is_exactly_one_line():
    """Readiness is told in one line; a stop by SIGTERM is clean, silent and exit code 0."""
    with Gateway(ACGS_INSTANCE="token-1") as gateway:
        assert re.fullmatch(r"gateway ready http://127\.0\.0\.1:\d+\n", gateway.line)
        assert Client(gateway.port).call("GET", "/gateway/health", headers={}).body["instance"] == "token-1"
        solvers = psutil.Process(gateway.process.pid).children(recursive=True)
        assert gateway.stop() == ("", "")
        assert gateway.process.returncode == 0
        assert not any(solver.is_running() and solver.status() != psutil.STATUS_ZOMBIE for solver in solvers)


def test_sigint_is_a_clean_stop_too():
    """Ctrl-C ends the gateway with exit code 0 and no traceback, an open connection notwithstanding."""
    with Gateway("--solvers", "1") as gateway:
        gateway.client()
        assert gateway.stop(signal.SIGINT) == ("", "")
        assert gateway.process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "70000"], "expected 0 to 65535"),
        (["--port", "x"], "invalid int"),
        (["--workers", "0"], "expected 1 to"),
        (["--hash", "two words"], "without spaces"),
        (["--hash", ""], "without spaces"),
        (["--nonsense"], "--nonsense"),
        (["--store", "/nonexistent/folder/store.db"], "cannot use"),
        (["--log", "/nonexistent/folder/log"], "--log /nonexistent/folder/log: No such file"),
        (["--store", str(ROOT / "pyproject.toml")], "cannot use"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_2(flags, told):
    """What cannot work is refused before anything starts."""
    ended = run(*([] if "--port" in flags else ["--port", "0"]), *flags)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_taken_port_is_one_line_and_exit_3():
    """A stranger on the port is named, not fought."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 3
    assert f"port {port} on 127.0.0.1 is taken" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_foreign_address_is_exit_3():
    """An address that is not this machine's cannot be listened on."""
    ended = run("--port", "0", "--host", "203.0.113.1")
    assert (ended.returncode, ended.stderr.count("\n")) == (3, 1)
    assert "cannot listen on 203.0.113.1" in ended.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_solver_that_does_not_come_up_is_one_line_and_exit_3(tmp_path, workers):
    """A broken installation is told, not waited for; nothing is left running."""
    (tmp_path / "z3.py").write_text("raise ImportError('no z3 here')")
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.stderr = open('/dev/null', 'w') if 'solver' in str(sys.orig_argv) else sys.stderr"
    )
    ended = run("--port", "0", "--workers", workers, PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "did not start" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_coming_up_is_clean(number, tmp_path):
    """A starter that changes its mind leaves nothing behind."""
    command = [sys.executable, "-m", "acgs_load.gateway", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not psutil.Process(process.pid).children():
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.count("\n") <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_acknowledged_survives_a_restart(tmp_path, number):
    """Tenants, policies, chains, keys, tokens and canaries are there again, after kill -9, too."""
    flags = ("--store", str(tmp_path / "s.db"), "--solvers", "1")
    with Gateway(*flags) as gateway:
        client = gateway.client()
        data = client.call("GET", "/api/tenant/tenant-a/data").body
        policy_id = client.create_policy().body["policy_id"]
        config = {"setting": "s", "value": 1, "constitutional_hash": HASH}
        assert client.call("PUT", "/api/tenant/tenant-a/config", config).body["version"] == 1
        event = client.create_event().body
        keys = client.call("GET", "/gateway/config", headers={}).body["signing_keys"]
        token = client.token
        gateway.stop(number)
    with Gateway(*flags) as gateway:
        client = Client(gateway.port)
        client.token = token
        assert client.call("GET", "/api/tenant/tenant-a/data").body == data
        assert client.call("GET", f"/api/policy/{policy_id}").body["policy"] == POLICY
        assert client.call("PUT", "/api/tenant/tenant-a/config", config).body["version"] == 2
        found = client.call("GET", f"/api/integrity/audit/verify?event_id={event['event_id']}").body
        assert (found["is_valid"], found["entry_hash"]) == (True, event["entry_hash"])
        assert client.create_event().body["previous_hash"] == event["entry_hash"]
        assert client.call("GET", "/gateway/config", headers={}).body["signing_keys"] == keys


def test_store_of_another_constitution_is_refused(tmp_path):
    """Chains that start from another genesis block are not continued."""
    with Gateway("--store", str(tmp_path / "s.db"), "--solvers", "1"):
        pass
    ended = run("--port", "0", "--store", str(tmp_path / "s.db"), "--hash", "other")
    assert ended.returncode == 2
    assert "constitution cdd01ef066bc6cf2" in ended.stderr


def test_store_is_readable_by_its_owner_only(tmp_path):
    """It holds the signing key and the secret of the tokens."""
    with Gateway("--store", str(tmp_path / "s.db"), "--solvers", "1"):
        assert (tmp_path / "s.db").stat().st_mode & 0o077 == 0


def test_gateway_ends_when_its_starter_is_gone():
    """With ACGS_PARENT_PID the gateway does not outlive a starter that crashed, nor do its solvers."""
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os,subprocess,sys,time\n"
            "os.environ['ACGS_PARENT_PID']=str(os.getpid())\n"
            "p=subprocess.Popen([sys.executable,'-m','acgs_load.gateway','--port','0'],stdout=subprocess.PIPE,text=True)\n"
            "print(p.pid,p.stdout.readline(),flush=True)\n"
            "time.sleep(60)\n",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    gateway = psutil.Process(int(starter.stdout.readline().split()[0]))
    family = [gateway, *gateway.children(recursive=True)]
    assert len(family) == 3
    starter.kill()
    starter.communicate()
    assert psutil.wait_procs(family, timeout=60)[1] == []


def test_a_killed_gateway_s_folder_is_swept_up_and_a_living_one_s_is_not(tmp_path):
    """Without --store nothing is left behind for good."""
    folders = lambda: sorted(tmp_path.glob("acgs-gateway-*"))  # noqa: E731
    with Gateway("--solvers", "1", TMPDIR=str(tmp_path)) as killed:
        killed.stop(signal.SIGKILL)
    (dead,) = folders()
    with Gateway("--solvers", "1", TMPDIR=str(tmp_path)) as first, Gateway("--workers", "2", TMPDIR=str(tmp_path)):
        assert len(folders()) == 2
        assert dead not in folders()
        assert first.client().create_policy().status == 201
    assert list(tmp_path.iterdir()) == []


def test_a_request_under_way_is_answered_before_the_end():
    """SIGTERM does not take an answer that is being worked on."""
    hard = "(declare-const a Int)(declare-const b Int)(declare-const c Int)(assert (and (> a 1) (> b 1) (> c 1)))"
    hard += "(assert (= (+ (* a a a) (* b b b)) (* c c c)))"
    with Gateway("--solvers", "1") as gateway:
        client = gateway.client()
        told = {"obligation_id": "o", "smtlib": hard, "timeout_ms": 700}
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(client.call("POST", "/api/verification/obligations", told))
        )
        asking.start()
        time.sleep(0.3)
        assert gateway.stop() == ("", "")
        asking.join()
    assert (answers[0].status, answers[0].body["obligation_id"]) == (200, "o")


def test_gateway_with_a_living_starter_stays():
    """The variable does no harm while the starter lives."""
    with Gateway("--solvers", "1", ACGS_PARENT_PID=str(os.getpid())) as gateway:
        time.sleep(1.2)
        assert Client(gateway.port).call("GET", "/gateway/health", headers={}).status == 200


@pytest.mark.parametrize(("flags", "count"), [(("--solvers", "2"), 2), (("--workers", "2", "--solvers", "1"), 4)])
def test_nothing_outlives_a_killed_gateway(tmp_path, flags, count):
    """kill -9 leaves no worker and no solver behind."""
    with Gateway(*flags, "--store", str(tmp_path / "s.db")) as gateway:
        family = psutil.Process(gateway.process.pid).children(recursive=True)
        assert len(family) == count
        gateway.process.kill()  # the others hold its pipes open until they end
        assert psutil.wait_procs(family, timeout=60)[1] == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A gateway of two workers."""
    store = tmp_path_factory.mktemp("pair") / "s.db"
    with Gateway("--workers", "2", "--solvers", "1", "--store", str(store)) as gateway:
        yield gateway


def test_workers_count_exactly_and_chain_densely(pair):
    """Requests sent are requests counted, and one tenant's chain is dense, whichever worker answers."""
    before = requests_counted(Client(pair.port))
    answers = []

    def create():
        # a fresh connection each, so that both workers get some
        answers.extend(pair.client("dense", "u").create_event().body for _ in range(10))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = requests_counted(Client(pair.port))
    assert after["audit_create", 201] - before.get(("audit_create", 201), 0) == 80
    assert after["auth_login", 200] - before.get(("auth_login", 200), 0) == 80
    entries = sorted(answers, key=lambda entry: entry["sequence"])
    assert [entry["sequence"] for entry in entries] == list(range(1, 81))
    links = itertools.pairwise(entries)
    assert all(later["previous_hash"] == earlier["entry_hash"] for earlier, later in links)
    chain = pair.client("dense").call("GET", "/api/integrity/chain/verify?last=16").body
    assert (chain["is_valid"], chain["length"], chain["head_hash"]) == (True, 80, entries[-1]["entry_hash"])


def test_a_worker_reads_what_another_acknowledged(pair):
    """A policy written over one connection is there on every other."""
    policy_id = pair.client().create_policy().body["policy_id"]
    assert all(pair.client().call("GET", f"/api/policy/{policy_id}").status == 200 for _ in range(20))


def test_processes_of_all_workers_are_summed(pair):
    """CPU and memory are those of keeper, workers and solvers together."""
    text = Client(pair.port).call("GET", "/gateway/metrics", headers={}).text
    keeper = psutil.Process(pair.process.pid)
    family = [keeper, *keeper.children(recursive=True)]
    assert len(family) == 5
    told = float(re.search(r"^process_resident_memory_bytes (\d+)$", text, re.M)[1])
    assert told == pytest.approx(sum(process.memory_info().rss for process in family), rel=0.1)
    assert float(re.search(r"^process_cpu_seconds_total (\S+)$", text, re.M)[1]) > 0


def test_a_dead_worker_is_replaced(tmp_path):
    """The keeper starts another worker, says so, and the counts go on."""
    with Gateway("--workers", "2", "--solvers", "1") as gateway:
        Client(gateway.port).login()
        keeper = psutil.Process(gateway.process.pid)
        victim = keeper.children()[0]
        victim.kill()
        while not (len(keeper.children()) == 2 and victim not in keeper.children()):
            time.sleep(0.1)
        for _ in range(10):
            assert gateway.client().call("GET", "/api/constitutional/verify").status == 200
        assert requests_counted(Client(gateway.port))["auth_login", 200] == 11
        _, told = gateway.stop()
        assert "ended (signal 9); it is replaced" in told
