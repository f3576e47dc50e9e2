"""Progress for people, on standard error: a bar on a terminal, else a line for each change."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from punctual.cli.show import Show, clean

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """One thing that goes on. Nothing is written in the JSON form."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._told = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the bar as it stands, for something else to be written; the next one begins anew."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None

    def tell(self, what: str, done: float, total: float | None, *, note: str = "") -> None:
        """It has come so far; `total` None: nobody knows of how much."""
        what, note = clean(what), clean(note)
        if not self._show.draws:
            self._line(what, done, total, note)
            return
        if self._bar is None or self._task is None:
            self._bar = _bar(self._show)
            self._bar.start()
            self._task = self._bar.add_task(what, total=total, note=note)
        self._bar.update(self._task, completed=done, total=total, note=note)

    def _line(self, what: str, done: float, total: float | None, note: str) -> None:
        of = "" if total is None else f" of {total:g}"
        text = " ".join(part for part in (f"{what}: {done:g}{of}", note) if part)
        if text != self._told:
            self._told = text
            self._show.aside(text)


def _bar(show: Show) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(file=show.err, highlight=False, markup=False, emoji=False),
        transient=False,
    )
