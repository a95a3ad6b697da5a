"""What looks at a run while it goes on, and may end it."""

from __future__ import annotations

from typing import Protocol

from acgs_load.traffic.course import Course


class Watcher(Protocol):
    """Looks now and then; ends the run with ``Course.end`` when it has seen enough."""

    def look(self, course: Course) -> None:
        """Look at what has settled so far."""
        ...


def watchers_of(course: Course) -> list[Watcher]:
    """Those that the plan of ``course`` calls for."""
    return []
