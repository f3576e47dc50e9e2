"""`python -m tests.chaos.checker DIRECTORY`: judge the records of a run again; exit code 1 on any violation."""

import sys
from pathlib import Path

from tests.chaos.checker.verdict import judge_directory

if __name__ == "__main__":
    verdict = judge_directory(Path(sys.argv[1]))
    print(verdict.table())
    print(verdict.last_line())
    sys.exit(int(verdict.violations > 0))
