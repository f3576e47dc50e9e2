"""Memory of the services of a stack while they work: proportional set size (PSS), so that what processes share
is counted once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import cpu
from punctual.local.stack import Stack

LOOK_SECONDS = 0.5
SERVICES = ("job", "scheduler", "worker")


class Peak:
    """The most that each service had, in MB (10^6 bytes), by its name in the stack."""

    def __init__(self) -> None:
        self.megabytes: dict[str, float] = {}

    def look(self, stack: Stack) -> None:
        """Once."""
        for name in stack.running():
            root = stack.pid(name)
            if root is not None and name.startswith(SERVICES):
                now = sum(_pss(pid) for pid in cpu.tree(root)) / 1e6
                self.megabytes[name] = max(now, self.megabytes.get(name, 0.0))


@contextmanager
def watched(stack: Stack) -> Iterator[Peak]:
    """Look again and again while the block runs."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            peak.look(stack)

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def _pss(pid: int) -> int:
    """Bytes; none of a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (OSError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
