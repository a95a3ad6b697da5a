"""Judge a finished run, or Locust's CSV files, and write its reports. See --help."""

import sys

from acgs_load.analysis.door import run_analyzer

if __name__ == "__main__":
    sys.exit(run_analyzer())
