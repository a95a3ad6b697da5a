"""Our generator for the comparison with others: the transport, the checks and the recorder that real runs use.

``plain`` makes the same exchange and the same checks as the peers' scripts; ``client`` sends the same request through
everything that a scenario's request goes through. Prints one JSON line at the end.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()  # as Locust does; the transport has to be quick in such a process

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from random import Random  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import orjson  # noqa: E402

from acgs_load.contract import Outcome, Violation  # noqa: E402
from acgs_load.plan import Plan, Stage  # noqa: E402
from acgs_load.samples import Sample, Window  # noqa: E402
from acgs_load.traffic.checks.constitutional import check_constitution  # noqa: E402
from acgs_load.traffic.checks.findings import check_hash, violations_of  # noqa: E402
from acgs_load.traffic.clock import Clock  # noqa: E402
from acgs_load.traffic.phases import PhaseBook  # noqa: E402
from acgs_load.traffic.transport.door import transport_for  # noqa: E402
from acgs_load.traffic.transport.exchange import Reply, Transport  # noqa: E402
from acgs_load.traffic.user.accounts import Identity, secrets_from  # noqa: E402
from acgs_load.traffic.user.client import Client, Terms  # noqa: E402
from acgs_load.traffic.user.draws import Draws  # noqa: E402
from acgs_load.traffic.user.headers import common_lines  # noqa: E402
from acgs_load.traffic.user.routes import routes_of  # noqa: E402
from acgs_load.traffic.worker.arrivals import ClosedArrivals, OpenArrivals  # noqa: E402
from acgs_load.traffic.worker.calm import calm  # noqa: E402
from acgs_load.traffic.worker.naps import Naps  # noqa: E402
from acgs_load.traffic.worker.rate_curve import RateCurve  # noqa: E402
from acgs_load.traffic.worker.recorder import WindowRecorder  # noqa: E402
from acgs_load.traffic.worker.schedule import Deal, Schedule  # noqa: E402
from benchmarks.exchange_facts import HASH, HEADERS, OPERATION, PATH, SCENARIO, header_lines  # noqa: E402

Exchange = Callable[[], None]
_OK = Outcome.OK
REPORT_EVERY_S = 3.0
"""How often a Locust worker takes the windows that are over."""


def benchmark_plan(url: str, seconds: float, users: int, rate: float | None = None) -> Plan:
    """A plan of one stage at ``url``: open load where there is a rate."""
    return Plan(
        name="benchmark",
        test_type="benchmark",
        target=url,
        embedded=False,
        load="open" if rate else "closed",
        stages=(Stage("hold", seconds, users, users, rate, rate, hold=True),),
        users_max=users,
        spawn_rate=float(users),
        seed=1,
        nodes=(),
        thresholds=(),
        target_rps=None,
        folder="",
    )


def plain_exchange(transport: Transport, recorder: WindowRecorder) -> Exchange:
    """Sends, checks status, hash header and hash in the body, and records."""
    headers = header_lines()

    def exchange() -> None:
        reply = transport.exchange("GET", PATH, headers, None)
        recorder.record(_sample(reply, reply.sent_s))

    return exchange


Times = list[tuple[float, float, float]]
"""Due, sent and done of each request, ``perf_counter``."""


def due_exchange(
    transport: Transport, recorder: WindowRecorder, arrivals: OpenArrivals, token: str | None, times: Times | None
) -> Exchange:
    """The same when an arrival is due; the request says when that was, for the target's log."""
    headers = header_lines(token)

    def exchange() -> None:
        due_s = arrivals.next_due_s()
        assert due_s is not None, "open load"
        reply = transport.exchange("GET", f"{PATH}?due={due_s!r}", headers, None)
        recorder.record(_sample(reply, due_s))
        if times is not None:
            times.append((due_s, reply.sent_s, reply.done_s))

    return exchange


def _sample(reply: Reply, due_s: float) -> Sample:
    outcome = reply.failure
    violations: tuple[Violation, ...] = ()
    if outcome is None:
        findings = check_hash(HASH, reply.headers, orjson.loads(reply.body))
        outcome = _OK if reply.status == 200 else Outcome.HTTP_ERROR
        if findings:
            outcome, violations = Outcome.FAILED_CHECK, violations_of(findings)
    return Sample(
        OPERATION, SCENARIO, due_s, reply.sent_s, reply.done_s, outcome, violations, reply.status,
        None, False, False, reply.sent_bytes, reply.received_bytes, reply.resent,
    )  # fmt: skip


def client_exchange(plan: Plan, number: int, transport: Transport, recorder: WindowRecorder) -> Exchange:
    """The same request through a scenario's client: every check of the contract on the answer."""
    terms = Terms(HASH, plan.compliance_min, routes_of({}), common_lines(HASH, {}), secrets_from({}))
    identity = Identity(number, f"load-user-{number:06}", "tenant-001")
    client = Client(terms, identity, Draws(plan.seed, number), transport, recorder, ClosedArrivals())
    client.use_token(HEADERS["Authorization"].removeprefix("Bearer "), identity.username)
    client.scenario = SCENARIO

    def exchange() -> None:
        client.await_arrival()
        client.send(OPERATION, check_constitution)

    return exchange


def user(exchange: Exchange, think_s: float, nap: Callable[[float], None], chance: Random, until_s: float) -> None:
    """Exchanges, one after the other, with a pause of ``think_s`` ± half of it between them, spread in phase."""
    if think_s:
        nap(chance.uniform(0.0, think_s))
    while time.perf_counter() < until_s:
        exchange()
        if think_s:
            nap(chance.uniform(think_s / 2, think_s * 3 / 2))


def collect(recorder: WindowRecorder, into: Window) -> None:
    """Take the windows that are over, as a worker does for its report."""
    while True:
        gevent.sleep(REPORT_EVERY_S)
        merge(recorder, into, everything=False)


def merge(recorder: WindowRecorder, into: Window, everything: bool) -> None:
    """Add what was recorded to one window."""
    for _, window in recorder.take(everything):
        window.to_wire()  # what shipping it costs belongs to the generator
        into.merge(window)


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    asked = _parser().parse_args(argv)
    plan = benchmark_plan(asked.url, asked.seconds, asked.users, asked.rate)
    clock, chance, total = Clock(), Random(1), Window()
    recorder = WindowRecorder(clock, PhaseBook.of(plan), "local", clock.now_s())
    new_transport = transport_for(plan)
    started_s = time.perf_counter()
    until_s = started_s + asked.seconds
    arrivals, nap = None, Naps().nap
    times: Times | None = [] if asked.times else None
    if asked.rate:
        arrivals = OpenArrivals(plan, Schedule(RateCurve.of(plan), Deal((0,), 1)), started_s)
        until_s = float("inf")  # they end when the arrivals do

    def begin(number: int) -> gevent.Greenlet:
        transport = new_transport()
        if arrivals is not None:
            exchange = due_exchange(transport, recorder, arrivals, os.environ.get("BENCH_TOKEN"), times)
        elif asked.through == "client":
            exchange = client_exchange(plan, number, transport, recorder)
        else:
            exchange = plain_exchange(transport, recorder)
        return gevent.spawn(user, exchange, asked.think, nap, chance, until_s)

    users = [begin(number) for number in range(1, asked.users + 1)]
    gevent.spawn(collect, recorder, total)
    calm()  # as a worker does before its users come
    if arrivals is not None:
        playing = gevent.spawn(arrivals.play)
        gevent.sleep(asked.seconds)
        while arrivals.waiting:  # what was due before the end is still sent
            gevent.sleep(0.01)
        arrivals.close()
        playing.join()
    gevent.joinall(users, raise_error=True)
    merge(recorder, total, everything=True)
    if times is not None:
        asked.times.write_text("".join(f"{due!r},{sent!r},{done!r}\n" for due, sent, done in times), encoding="utf-8")
    print(json.dumps({**told(total), "started_s": started_s, "unsent": arrivals.unsent if arrivals else 0}))
    return 0


def told(total: Window) -> dict[str, Any]:
    """What the windows say."""
    failures = total.samples - total.outcomes.get(Outcome.OK, 0)
    latency_ms = [value and value / 1e3 for value in total.latency.percentiles_us([0.5, 0.9, 0.99, 0.999])]
    sent = {"sent_bytes": total.sent_bytes, "received_bytes": total.received_bytes}
    return {"requests": total.samples, "failures": failures, "latency_ms": latency_ms, **sent}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--through", choices=("plain", "client"), default="plain")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--think", type=float, default=0.0, help="mean pause of a user, seconds")
    parser.add_argument("--rate", type=float, help="open load: requests per second")
    parser.add_argument("--times", type=Path, help="open load: file for due, sent and done of each request")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
