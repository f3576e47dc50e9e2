"""CPU seconds of the processes of a stack, by role, their children included."""

import os
from collections import defaultdict
from pathlib import Path

from punctual.local.stack import Stack

_TICK = os.sysconf("SC_CLK_TCK")


def by_role(stack: Stack) -> dict[str, float]:
    """CPU seconds so far of `job`, `scheduler`, `worker`, `postgres` and `kafka`. A child that has ended counts
    with its parent."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for name in stack.running():
        root = stack.pid(name)
        if root is not None:
            seconds[name.partition("-")[0]] += of_tree(root)
    return seconds


def of_tree(root: int) -> float:
    """CPU seconds so far of a process and all that came from it."""
    return sum(_seconds(pid) for pid in tree(root))


def tree(root: int) -> list[int]:
    """The pids of a process and of all that came from it."""
    return _tree(root, _parents())


def _parents() -> dict[int, int]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                found[int(entry)] = int(fields[1])
    return found


def _tree(root: int, parents: dict[int, int]) -> list[int]:
    children = [pid for pid, parent in parents.items() if parent == root]
    return [root, *(pid for child in children for pid in _tree(child, parents))]


def _seconds(pid: int) -> float:
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / _TICK if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
