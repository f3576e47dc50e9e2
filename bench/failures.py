"""How a long bench goes on when a part of it fails, and ends when it is told to."""

import signal
import sys

import pytest

FAILURES = (Exception, pytest.fail.Exception)
"""The waiting of the tests gives up with an exception of pytest, which is no `Exception`."""


def unwind_when_ended() -> None:
    """From now on SIGTERM leaves every block as Ctrl-C does, so that nothing that was started stays."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
