"""What each scenario is, and the command that runs it."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.failures import unwind_when_ended
from bench.lateness import machine
from bench.pages import Taken, scenario_part, write
from bench.results import keep, of_scenario
from tests.support.stacks import RunningStack, running_stack

Row = dict[str, Any]
Sizes = Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A measurement on a running stack of one worker that leaves the stack as it was, but for settled jobs.

    `sizes` are its arguments with their values for the page, `quick` the small ones; `says` explains the
    columns, of which `given` are what was asked for and the others what was found.
    """

    name: str
    title: str
    says: str
    given: Sequence[str]
    sizes: Sizes
    quick: Sizes
    measure: Callable[[RunningStack, Sizes], Sequence[Row]]

    def command(self, sizes: Sizes) -> str:
        """That makes these figures."""
        words = [f"--{key.replace('_', '-')} {_word(value)}" for key, value in sizes.items()]
        return " ".join([f"python -m bench.scenarios.{self.name}", *words])

    def taken(self, stack: RunningStack, sizes: Sizes) -> Taken:
        """Measure it once, and keep the figures for programs."""
        facts = machine()
        rows = self.measure(stack, sizes)
        about = {"title": self.title, "says": self.says}
        command = self.command(sizes)
        keep(self.name, of_scenario(self.name, command, self.given, rows))
        return Taken(command=command, machine=facts, rows=rows, about=about)


def _word(value: Any) -> str:
    return " ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def sizes_of(scenario: Scenario, words: Sequence[str]) -> tuple[Sizes, bool]:
    """The sizes that a command line asks for, and whether the page is to be written."""
    parser = argparse.ArgumentParser(
        prog=f"bench.scenarios.{scenario.name}", description=scenario.title
    )
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    for key, value in scenario.sizes.items():
        many = isinstance(value, tuple)
        kind = type(value[0] if many else value)
        name = f"--{key.replace('_', '-')}"
        parser.add_argument(name, type=kind, nargs="+" if many else None)
    asked = vars(parser.parse_args(words))
    sizes = dict(scenario.quick if asked["quick"] else scenario.sizes)
    for key, value in sizes.items():
        given = asked[key]
        if given is not None:
            sizes[key] = tuple(given) if isinstance(value, tuple) else given
    return sizes, bool(asked["write"])


def run_command(scenario: Scenario) -> int:
    """The whole command of one scenario, on a stack of its own."""
    sizes, wanted = sizes_of(scenario, sys.argv[1:])
    unwind_when_ended()
    with running_stack(workers=1) as stack:
        taken = scenario.taken(stack, sizes)
    print(scenario_part(taken))
    if wanted:
        write(scenario.name, taken)
    return 0
