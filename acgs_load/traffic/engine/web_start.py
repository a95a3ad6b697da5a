"""The type of test as a field of Locust's start form and as its flag ``--test-type``, where no runner made the plan."""

# mypy: disable-error-code="no-untyped-call"
# Locust annotates its classes but not all of its functions

from __future__ import annotations

import os
from typing import Any

from locust import events

from acgs_load import settings
from acgs_load.errors import UsageError
from acgs_load.settings_table import TEST_TYPES


def offer_types() -> None:
    """Have Locust ask for the type of test; a runner's plan has one already."""
    if "ACGS_PLAN" not in os.environ:
        events.init_command_line_parser.add_listener(_add_type)


def _add_type(parser: Any, **_others: Any) -> None:
    parser.add_argument(
        "--test-type",
        choices=list(TEST_TYPES),
        default=_default_type(),
        help="shape, mix and thresholds; users, spawn rate and run time scale it",
        include_in_web_ui=True,
    )


def _default_type() -> str:
    try:
        return settings.resolve({}, os.environ).test_type
    except UsageError:
        return TEST_TYPES[0]  # what is wrong with the settings is said, and ends the process, when the run is prepared
