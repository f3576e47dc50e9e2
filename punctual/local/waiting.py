"""Waiting for another process: a condition, a limit, and a way to give up early."""

import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def wait_for(
    condition: Callable[[], bool], *, within_seconds: float, give_up: threading.Event | None = None
) -> bool:
    """Look at `condition` until it holds; whether it did within the limit.

    Answers False at once when `give_up` is set: somebody pressed Ctrl-C.
    """
    deadline = time.monotonic() + within_seconds
    pause = give_up or threading.Event()
    while not condition():
        if time.monotonic() >= deadline or pause.wait(POLL_SECONDS):
            return False
    return True
