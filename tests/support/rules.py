"""Which test guards which rule of the protocol: `python -m tests.support.rules [--write]`.

A test names its rules at the beginning of its docstring, with or without promises: `R4: …` or `G5, R6: …`.
Printed is a table of rules and tests; the exit code is 1 if a rule that is built has none. `--write` puts the
files of the tests into docs/protocol.md.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "protocol.md"
PART = "rules"
RULES = range(1, 29)
NOT_BUILT_YET = {
    18: "a parent counts its children: batch work",
}

_NAMED = re.compile(r"([GR]\d+(?:, [GR]\d+)*): ")


def main() -> int:
    """Print the table; the exit code."""
    tests = tests_by_rule(ROOT / "tests")
    print("| rule | tests |\n|---|---|")
    for rule in RULES:
        names = tests.get(rule, [])
        told = "<br>".join(names) if names else NOT_BUILT_YET.get(rule, "**NO TEST**")
        print(f"| R{rule} | {told} |")
    missing = [rule for rule in RULES if rule not in tests and rule not in NOT_BUILT_YET]
    unknown = sorted(set(tests) - set(RULES))
    for rule in missing:
        print(f"R{rule} has no test", file=sys.stderr)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    for rule in unknown:
        print(f"there is no R{rule}, named by {', '.join(tests[rule])}", file=sys.stderr)
    return int(bool(missing or unknown))


def part() -> str:
    """The table of docs/protocol.md: for each rule the files of its tests, and how many are in each."""
    lines = ["| rule | tests |", "|---|---|"]
    for rule, names in sorted(tests_by_rule(ROOT / "tests").items()):
        files = Counter(name.partition("::")[0] for name in names)
        told = ", ".join(f"`tests/{file}` ({count})" for file, count in files.items())
        lines.append(f"| R{rule} | {told} |")
    return "\n".join([*lines, ""])


def tests_by_rule(folder: Path) -> dict[int, list[str]]:
    """For each rule the tests that name it, as `path::name` below `folder`."""
    found: dict[int, list[str]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        for function in _tests_of(file):
            for rule in rules_of(ast.get_docstring(function) or ""):
                name = f"{file.relative_to(folder)}::{function.name}"
                found.setdefault(rule, []).append(name)
    return found


def rules_of(docstring: str) -> list[int]:
    """The rules that a docstring begins with."""
    named = _NAMED.match(docstring)
    return [int(number) for number in re.findall(r"R(\d+)", named[1])] if named else []


def _tests_of(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            yield node


if __name__ == "__main__":
    sys.exit(main())
