"""Each mutant of the protocol is put into a copy of the tree, and its tests must fail there:
`python -m tests.support.mutants [--write] [word …]`, where each word picks mutants by a part of rule, text or
file.

First all the tests must pass without any mutant. With a mutant its control must still pass, or the change is
no weakening but a wreck, which any test would catch. Prints a table; the exit code is 1 if a mutant survives or
its text is not found once, and the last line is `mutants=… caught=…`. `--write` puts the table of all mutants
into docs/mutants.md.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.components import postgres_server
from tests.support.databases import database_name, fresh_database
from tests.support.mutants import page, zygote
from tests.support.mutants.catalogue import adrift, chosen
from tests.support.mutants.trial import TEMPLATE, Trials, Verdict

AT_ONCE = 2


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    words = [word for word in arguments if word != "--write"]
    mutants = chosen(words)
    for sentence in adrift(mutants):
        print(sentence)
    if not mutants or adrift(mutants):
        return 1
    began = time.monotonic()
    zygote.warm_up()
    verdicts: list[Verdict] = []

    def tell(verdict: Verdict) -> None:
        verdicts.append(verdict)
        print(page.row(verdict), verdict.why or "caught", flush=True)

    with _a_migrated_database() as env, tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trials = Trials(Path(folder), env, at_once=AT_ONCE)
        failing = trials.unsound(mutants)
        if failing:
            print(f"these fail without any mutant: {', '.join(failing)}")
            return 1
        print(f"their tests pass without them, after {time.monotonic() - began:.0f} s", flush=True)
        trials.catch(mutants, tell)
    caught = sum(not verdict.why for verdict in verdicts)
    if "--write" in arguments and not words:
        page.write(sorted(verdicts, key=lambda v: mutants.index(v.mutant)))
    print(f"{time.monotonic() - began:.0f} s")
    print(f"mutants={len(mutants)} caught={caught}")
    return int(caught < len(mutants))


def _end(_number: int, _frame: object) -> None:
    """Asked to end: take down what was started."""
    sys.exit(143)


@contextmanager
def _a_migrated_database() -> Iterator[dict[str, str]]:
    """The variables by which every run finds one PostgreSQL, and in it a database to copy."""
    from job_service.postgres.migrate import migrate

    with postgres_server() as url, fresh_database(url) as template:
        migrate(template)
        yield {"PUNCTUAL_TEST_DATABASE_URL": url, TEMPLATE: database_name(template)}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(sys.argv[1:]))
