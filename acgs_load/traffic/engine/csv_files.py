"""Locust's CSV files, complete: Locust itself leaves out whatever came after its last once-a-second write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from locust.stats import CSVWriter, StatsCSVFileWriter, StatsEntry

IDLE = frozenset({"ready", "stopped"})


class CompleteCsvFiles(StatsCSVFileWriter):
    """Writes as Locust does, and once more when everything has been reported; then nothing more until the next run."""

    open_files: ClassVar[list[CompleteCsvFiles]] = []
    """Every set of files that is being written; Locust makes them and keeps them to itself."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._complete = False
        self.open_files.append(self)

    def begin(self) -> None:
        """A run begins."""
        self._complete = False

    def complete(self) -> None:
        """Write all rows a last time and put them on disk."""
        self._rewrite(self.requests_csv_filehandle, self.requests_csv_writer, self.requests_csv)
        self._rewrite(self.failures_csv_filehandle, self.failures_csv_writer, self.failures_csv)
        self._rewrite(self.exceptions_csv_filehandle, self.exceptions_csv_writer, self.exceptions_csv)
        if self.stats_history_csv_filehandle.tell() == 0:
            self.stats_history_csv_writer.writerow(self.stats_history_csv_columns)
        super()._stats_history_data_rows(self.stats_history_csv_writer, time.time())
        self.stats_history_flush()
        self._complete = True

    def close(self) -> None:
        """Close the files for good."""
        self.open_files.remove(self)
        self.close_files()

    def _rewrite(self, file: Any, writer: Any, write: Callable[[Any], None]) -> None:
        file.seek(0)
        write(writer)
        file.truncate()
        file.flush()

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> Any:
        """Percentiles as they are; Locust cuts them down to whole milliseconds."""
        if not stats_entry.num_requests:
            return self.percentiles_na
        current = use_current and stats_entry.use_response_times_cache
        read = stats_entry.get_current_response_time_percentile if current else stats_entry.get_response_time_percentile
        return [read(quantile) or 0 for quantile in self.percentiles_to_report]

    def _stats_history_data_rows(self, csv_writer: CSVWriter, now: float) -> None:
        """Rows of idle seconds before and after a run say nothing."""
        runner = self.environment.runner
        if not self._complete and runner is not None and runner.state not in IDLE:
            super()._stats_history_data_rows(csv_writer, now)
