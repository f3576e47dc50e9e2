"""The table of docs/mutants.md."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.marked_text import between, with_part
from tests.support.mutants.mutant import Mutant
from tests.support.mutants.trial import Verdict
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "mutants.md"
PART = "mutants"
HEAD = "| rule | taken out | in | caught by | seconds |\n|---|---|---|---|---|\n"


def row(verdict: Verdict) -> str:
    """One line of the table."""
    mutant = verdict.mutant
    tests = "<br>".join(f"`{test.rpartition('::')[2]}`" for test in mutant.tests)
    return f"{_begins(mutant)}{tests} | {verdict.seconds:.1f} |"


def write(verdicts: Sequence[Verdict]) -> None:
    """Put the table into the page."""
    part = HEAD + "".join(f"{row(v)}\n" for v in verdicts)
    PAGE.write_text(with_part(PAGE.read_text(), PART, part))


def missing(mutants: Sequence[Mutant]) -> list[str]:
    """What the page lacks, or has of mutants that are no more, as lines."""
    lines = between(PAGE.read_text(), PART).removeprefix(HEAD).splitlines()
    begins = [_begins(mutant) for mutant in mutants]
    unwritten = [f"+ {b}" for b in begins if not any(line.startswith(b) for line in lines)]
    gone = [f"- {line}" for line in lines if not any(line.startswith(b) for b in begins)]
    return unwritten + gone


def _begins(mutant: Mutant) -> str:
    return f"| {mutant.rule} | {mutant.what} | `{mutant.file}` | "
