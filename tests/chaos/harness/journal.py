"""A file of records, one JSON object a line, that outlives the process which writes it.

Every line has `what` it is, `at` (seconds since 1970) and `boot` (seconds of a clock that nobody sets, the same
for all processes of the machine).
"""

import json
import os
import time
from pathlib import Path
from typing import Any


def boot_seconds() -> float:
    """The clock by which records of different processes are put in order."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Journal:
    """Appends records. Each is one `write`, so that a kill leaves whole lines; `durable` also waits for the
    disk each time."""

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        self._durable = durable

    def note(self, what: str, **values: Any) -> None:
        """Append one record."""
        record = {"what": what, "at": time.time(), "boot": boot_seconds(), **values}
        os.write(self._file, json.dumps(record, separators=(",", ":")).encode() + b"\n")
        if self._durable:
            os.fdatasync(self._file)
