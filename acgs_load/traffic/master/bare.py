"""``locust -f locustfile.py`` without a runner around it: the plan is made here, the run judged like any other."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent import subprocess
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT

from acgs_load import profiles, settings
from acgs_load.errors import UsageError
from acgs_load.permission import demand_permission, memory_place, remembered
from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder, create_run_folder, write_atomically
from acgs_load.settings_table import TEST_TYPES
from acgs_load.traffic.engine.csv_files import CompleteCsvFiles

PROJECT = Path(__file__).resolve().parents[3]
ANALYZER = PROJECT / "performance_analyzer.py"
SIDECAR = "acgs_load.resources_sidecar"
"""Reads the target's CPU and memory in a process of its own: reading holds up whoever does it."""

OPTIONS = {"users": "num_users", "spawn_rate": "spawn_rate"}
"""Flags of ours by Locust's options."""

logger = logging.getLogger(__name__)


class BareRun:
    """Makes the plan of each run from the environment and from what Locust's command line or web form says."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._csv: CompleteCsvFiles | None = None
        self._writer: Any = None
        self._sampler: subprocess.Popen[bytes] | None = None
        self.draft = self._plan({})
        """What a run would be if nobody said anything."""
        options: Any = environment.parsed_options
        self._run_time = options.run_time
        # the form shows, and Locust takes for given, what would happen anyway
        for name, value in self._defaults().items():
            if getattr(options, name) is None:
                setattr(options, name, value)
        environment.host = environment.host or self._plan(self._type()).target

    def begin(self) -> tuple[Plan, RunFolder]:
        """Plan and folder of a run that begins now. Raises LoadTestError."""
        self._close()  # what belonged to a run that never began
        options: Any = self._environment.parsed_options
        asked, defaults = self._type(), self._defaults()
        for flag, name in OPTIONS.items():
            if getattr(options, name) != defaults[name]:
                asked[flag] = getattr(options, name)
        if options.run_time:
            asked["duration"] = f"{options.run_time:g}s"
        options.run_time = self._run_time  # an empty field in the next form means the default, not this run's
        if self._environment.host:
            asked["target"] = self._environment.host
        planned = self._plan(asked)
        if planned.embedded:
            raise UsageError(
                f"{planned.target}: only run_load_test.py starts the reference gateway; start it and name it"
            )
        self._demand(planned.target, planned.allowed_targets)
        folder = create_run_folder(Path(self._output), planned.name)
        plan = self._plan(asked, str(folder.path))
        write_atomically(folder.plan, plan.to_json())
        self._environment.stop_timeout = plan.stop_timeout_s
        self._csv = CompleteCsvFiles(self._environment, PERCENTILES_TO_REPORT, str(folder.stats_prefix), True)
        self._writer = gevent.spawn(self._csv.stats_writer)
        if plan.target_metrics.source != "none":
            self._sampler = subprocess.Popen([sys.executable, "-m", SIDECAR, str(folder.path)], cwd=PROJECT)
        logger.info("run folder %s", folder.path)
        return plan, folder

    @property
    def output(self) -> Path:
        """Where run folders are made."""
        return Path(self._output)

    def take_form(self, form: Mapping[str, str]) -> None:
        """What a start form does not say is what the type of test that it names means, not what was said before."""
        chosen = {"test_type": form["test_type"]} if "test_type" in form else self._type()
        for field, name in (("user_count", "num_users"), ("spawn_rate", "spawn_rate")):
            if not form.get(field):
                setattr(self._environment.parsed_options, name, self._defaults(chosen)[name])

    def type_defaults(self) -> dict[str, dict[str, float]]:
        """Users and spawn rate of each type of test, as it is here; types that do not fit the settings are left out."""
        found: dict[str, dict[str, float]] = {}
        for test_type in TEST_TYPES:
            try:
                plan = self._plan({"test_type": test_type})
            except UsageError:
                continue  # said when somebody starts it
            found[test_type] = {"users": plan.users_max, "spawn_rate": round(plan.spawn_rate, 3)}
        return found

    def _type(self) -> dict[str, object]:
        """The type of test that Locust's command line or form names; nothing where Locust was not told to ask."""
        named = getattr(self._environment.parsed_options, "test_type", None)
        return {"test_type": named} if named else {}

    def _defaults(self, chosen: Mapping[str, object] | None = None) -> dict[str, float]:
        plan = self._plan(dict(self._type() if chosen is None else chosen))
        return {"num_users": plan.users_max, "spawn_rate": plan.spawn_rate}

    def end(self, folder: RunFolder) -> int:
        """Judge the run, unless somebody else is to do so; gives the verdict's exit code."""
        self._close()
        if not self._analysis:
            return 0
        judged = subprocess.run([sys.executable, str(ANALYZER), str(folder.path)], check=False)
        return int(judged.returncode)

    def demand_permission(self, target: str) -> None:
        """Nothing, where a run against ``target`` may begin (empty: the one of the settings). Raises UsageError."""
        planned = self._plan({"target": target} if target else {})
        self._demand(planned.target, planned.allowed_targets)

    def _demand(self, target: str, allowed: tuple[str, ...]) -> None:
        demand_permission(target, {*allowed, *remembered(memory_place(os.environ))})

    def _close(self) -> None:
        if self._sampler is not None:
            self._sampler.terminate()
            self._sampler.wait()
            self._sampler = None
        if self._csv is not None:
            self._writer.kill()
            self._csv.close()
            self._csv = None

    def _plan(self, asked: dict[str, object], folder: str = "") -> Plan:
        resolved = settings.resolve(asked, os.environ)
        self._output, self._analysis = resolved.output, resolved.analysis
        return profiles.plan_for(resolved, folder, 1)
