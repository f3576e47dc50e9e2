"""Failpoints: named points at which a test ends a process, loses a reply or holds a thread.

    failpoints.hit("lease.committed")

As in etcd's gofail and TiKV's fail-rs, with files as switches. Until `arm` was called a hit is one look at a
name of this module. A service calls `arm` with a directory only in test mode (settings section `test`). A test
puts a file there that has the name of a point and says what is to happen; the process that hits it first takes
it, by renaming it to `<point>.hit`, and adds its pid as a second line:

    exit    SIGKILL to itself: nothing is flushed, closed or told
    drop    raises `Dropped`: what was answered is not heard
    pause   the thread stands still until `<point>.go` is there, at most `PAUSE_LIMIT_SECONDS`

`exit 3` waits for the third hit of one process, `drop 1 /leases` counts only hits whose `where` contains that.
"""

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from shared.runtime.log import get
from shared.runtime.settings import ForTests

PAUSE_LIMIT_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.01

_directory: Path | None = None
_hits: Counter[str] = Counter()
_lock = threading.Lock()


class Dropped(OSError):
    """An answer was lost on its way, as a test wanted it. For the caller it is a connection that broke."""


def arm(settings: ForTests) -> None:
    """Look for switches from now on, if the settings name a directory; else stay inert."""
    global _directory
    _directory = Path(settings.failpoints) if settings.failpoints else None
    if _directory is not None:
        get(__name__).warning("FAILPOINTS are on: a test may end this process at any time")


def hit(point: str, where: str = "") -> None:
    """Execution came to a point. `where` tells hits of one point apart.

    Raises:
        Dropped: a test wants it.
    """
    if _directory is not None:
        _look(_directory / point, where)


def _look(switch: Path, where: str) -> None:
    """Whether it is switched on, for this hit."""
    try:
        action, times, part = (f"{switch.read_text()}  ").split(" ", 2)
    except FileNotFoundError:
        return
    if part.strip() not in where:
        return
    with _lock:
        _hits[switch.name] += 1
        if _hits[switch.name] < int(times or 1):
            return
        del _hits[switch.name]
        taken = switch.with_name(f"{switch.name}.hit")
        try:
            switch.rename(taken)
        except FileNotFoundError:  # another process was first
            return
    with taken.open("a") as file:
        file.write(f"\n{os.getpid()}\n")
    _act(action, switch)


def _act(action: str, switch: Path) -> None:
    match action:
        case "exit":
            os.kill(os.getpid(), signal.SIGKILL)
        case "drop":
            raise Dropped(f"dropped at {switch.name}")
        case "pause":
            until = time.monotonic() + PAUSE_LIMIT_SECONDS
            go = switch.with_name(f"{switch.name}.go")
            while not go.exists() and time.monotonic() < until:
                time.sleep(LOOK_EVERY_SECONDS)
        case _:
            raise ValueError(f"{switch.name}: no such action: {action}")
