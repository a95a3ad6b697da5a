"""Start a load test, watch it, analyse it, and end with its verdict as exit code. See --help."""

import sys

from acgs_load.cli import run_load_test

if __name__ == "__main__":
    sys.exit(run_load_test())
