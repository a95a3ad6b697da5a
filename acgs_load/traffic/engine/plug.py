"""Plugs the suite into Locust when the locustfile is loaded, before Locust makes its runner."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import traceback
from types import TracebackType
from typing import Any

import locust.argument_parser
import locust.env
import locust.runners
import locust.stats
from locust import events
from locust.env import Environment

from acgs_load.errors import LoadTestError
from acgs_load.traffic.engine import signals
from acgs_load.traffic.engine.conducted import Conducted
from acgs_load.traffic.engine.csv_files import CompleteCsvFiles
from acgs_load.traffic.engine.dispatch import ShareDispatcher
from acgs_load.traffic.engine.local_runner import ConductedLocal
from acgs_load.traffic.engine.locust_feed import nearest_rank_ms
from acgs_load.traffic.engine.master_runner import ConductedMaster
from acgs_load.traffic.engine.web_edits import serve_edits
from acgs_load.traffic.engine.web_login import default_options, guard
from acgs_load.traffic.engine.web_metrics import serve_metrics
from acgs_load.traffic.engine.web_report import serve_reports
from acgs_load.traffic.engine.web_start import offer_types
from acgs_load.traffic.engine.web_tabs import serve_tabs
from acgs_load.traffic.engine.wire import seal
from acgs_load.traffic.engine.worker_runner import ConductedWorker
from acgs_load.traffic.worker.descriptors import raise_descriptor_limit
from acgs_load.traffic.worker.equipment import Equipment

REPORT_INTERVAL_S = 1.0
HEARTBEATS_MISSED = 4
"""A worker that is silent for a second longer than this is taken for lost until it is heard again; Locust says 3.
One that died on this machine is seen sooner."""

logger = logging.getLogger(__name__)


def plug(equipment: Equipment) -> None:
    """Make Locust use our runners and files, and equip users with ``equipment``."""
    locust.runners.WORKER_REPORT_INTERVAL = REPORT_INTERVAL_S
    locust.runners.HEARTBEAT_LIVENESS = HEARTBEATS_MISSED
    seal()
    # the names under which Locust looks its classes up when it starts; it offers no other way in
    ours = (("MasterRunner", ConductedMaster), ("WorkerRunner", ConductedWorker), ("LocalRunner", ConductedLocal))
    for name, runner in ours:
        setattr(locust.env, name, runner)
    setattr(locust.stats, "StatsCSVFileWriter", CompleteCsvFiles)  # noqa: B010  # mypy takes classes for constants
    # a worker asks for it once an option at every step of a ramp, and each answer builds a whole parser: 90 ms a step
    defaults = functools.cache(locust.argument_parser.default_args_dict)
    setattr(locust.argument_parser, "default_args_dict", defaults)  # noqa: B010
    setattr(locust.stats, "calculate_response_time_percentile", nearest_rank_ms)  # noqa: B010
    ConductedWorker.equipment = ConductedLocal.equipment = equipment
    logging.getLogger("locust.runners").addFilter(_worth_a_line)
    raise_descriptor_limit()
    signals.install()
    events.init_command_line_parser.add_listener(default_options)
    offer_types()
    events.init.add_listener(_begin)
    events.user_error.add_listener(_user_error)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Drop what Locust says five times a second while users ramp."""
    return not str(record.msg).startswith(_CHATTER)


_CHATTER = (
    "Sending spawn jobs",
    "All users spawned",
    "Spawning is complete and report",
    "Ramping to",
    "Your selected spawn rate is very high",
)


def _begin(environment: Environment, **_others: Any) -> None:
    environment.dispatcher_class = ShareDispatcher
    runner = environment.runner
    environment.reset_stats = False  # the windows know no reset, and both have to agree
    if isinstance(runner, ConductedWorker):
        environment.process_exit_code = 0
        station = runner.station
        environment.events.quitting.add_listener(lambda **_: station.finish())
        signals.follow(_WorkerSignals(environment).react)
    elif isinstance(runner, Conducted):
        try:
            runner.conductor.prepare()
        except LoadTestError as error:
            sys.stderr.write(f"{error.line}\n")
            sys.exit(int(error.exit_code))
        guard(environment)
        if environment.web_ui is not None:
            serve_edits(environment.web_ui, runner.conductor)
            serve_metrics(environment.web_ui, runner.conductor.metrics)
            serve_reports(environment.web_ui, runner.conductor)
            serve_tabs(environment.web_ui, runner.conductor)
        signals.follow(lambda number: _end_all(environment, number))


def _end_all(environment: Environment, number: int) -> None:
    """A signal to the master or the local runner: end the run in order, then the process."""
    runner: Any = environment.runner
    logger.info("%s: ending the run", signal.Signals(number).name)
    conductor = runner.conductor
    again = conductor.interrupted
    conductor.interrupt()
    if again:
        return
    conductor.wait()
    headless = environment.parsed_options is not None and environment.parsed_options.headless
    if conductor.finished and headless:
        return  # Locust goes on to quit by itself
    conductor.record_nothing()
    runner.quit()
    if environment.web_ui is not None and conductor.finished:
        environment.web_ui.stop()
        return
    sys.exit(environment.process_exit_code or 0)


class _WorkerSignals:
    """A worker ends when its master says so; a signal counts only where no master would."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._count = 0

    def react(self, number: int) -> None:
        """Ctrl-C goes to the whole terminal, so the first one is left to the master while a run goes on."""
        self._count += 1
        runner: Any = self._environment.runner
        if number == signal.SIGINT and self._count == 1 and runner.station.busy:
            logger.info("SIGINT: the master ends the run")
            return
        runner.station.finish()
        runner.quit()


def _user_error(user_instance: Any, exception: BaseException, tb: TracebackType | None, **_others: Any) -> None:
    environment = getattr(user_instance, "environment", None) or user_instance.user.environment
    station = getattr(environment.runner, "station", None)
    if station is not None:
        last = traceback.extract_tb(tb)[-1] if tb else None
        station.user_error(exception, f"{os.path.basename(last.filename)}:{last.lineno}" if last else "unknown place")
