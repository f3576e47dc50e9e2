"""A bar on standard error, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown() -> Iterator[Callable[[int, int], None]]:
    """What to call with the rows so far and the rows that are expected (0: unknown)."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("auditing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows of history"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("audit", total=None)

        def told(done: int, expected: int) -> None:
            bar.update(task, completed=done, total=max(done, expected) if expected else None)

        yield told


def _nothing(done: int, expected: int) -> None:
    """Nobody looks."""
