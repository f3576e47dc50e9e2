"""All scenarios, one after the other.

    python -m bench.scenarios [--quick] [--write]

Each runs on a fresh stack; the quick ones share one, as starting it is most of their time. Exit code 1 if one
failed; the others are run all the same.
"""

import argparse
import sys
import traceback

from bench.failures import FAILURES, unwind_when_ended
from bench.pages import scenario_part, write
from bench.scenarios import (
    burn_down,
    burst,
    growth,
    handlers,
    idle,
    lateness,
    priority,
    sizing,
    workers,
)
from tests.support.stacks import running_stack

SCENARIOS = [
    module.SCENARIO
    for module in (
        lateness,
        idle,
        handlers,
        workers,
        sizing,
        burn_down,
        burst,
        priority,
        growth,
    )
]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.scenarios")
    parser.add_argument("--quick", action="store_true", help="small sizes, on one stack")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    asked = parser.parse_args()
    unwind_when_ended()
    failed = []
    for together in [SCENARIOS] if asked.quick else [[scenario] for scenario in SCENARIOS]:
        with running_stack(workers=1) as stack:
            for scenario in together:
                try:
                    taken = scenario.taken(stack, scenario.quick if asked.quick else scenario.sizes)
                except FAILURES:
                    traceback.print_exc()
                    failed.append(scenario.name)
                    continue
                print(scenario_part(taken), flush=True)
                if asked.write:
                    write(scenario.name, taken)
    print(f"failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
