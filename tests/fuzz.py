"""The long fuzzing (``make fuzz``): 10,000 cases of bad input, then the parser until the time is up.

python tests/fuzz.py --minutes 10
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BAD_INPUT = ("test_fuzz_doors.py", "test_fuzz_files.py", "test_settings_any.py")
BAD_INPUT_FACTOR = 10
"""With it they make more than the 10,000 cases that are due."""
PARSER = ("test_fuzz_parser.py",)
CASES_DUE = 10_000


def main() -> int:
    """0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long the parser is fuzzed")
    minutes = parser.parse_args().minutes
    os.environ["FUZZ_FACTOR"] = str(BAD_INPUT_FACTOR)
    sys.path[:0] = [str(TESTS), str(TESTS.parent)]
    from fuzzing import RAN

    code = _fuzzed(BAD_INPUT)
    bad_input = RAN.total()
    end_s = time.monotonic() + 60 * minutes
    while code == 0 and time.monotonic() < end_s:
        code = _fuzzed(PARSER)
    for name, count in sorted(RAN.items()):
        print(f"{count:9,}  {name}")
    print(f"bad input: {bad_input:,} cases; parser: {RAN.total() - bad_input:,} cases; {'NOT ' * bool(code)}all well")
    return code or int(bad_input < CASES_DUE)


def _fuzzed(files: tuple[str, ...]) -> int:
    """One round; every round draws other cases."""
    # what was found before is kept and tried first, in .hypothesis
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *(str(TESTS / name) for name in files)]))


if __name__ == "__main__":
    sys.exit(main())
