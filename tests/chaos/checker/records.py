"""What a run left behind, read from its files. Nothing here, and in the whole of this package, is imported
from the product or from the harness: what is judged must not be judged by itself.

A record is a line of JSON. Times are seconds since 1970 (`at`), or of the machine's own clock (`boot`).
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Key = tuple[str, int]
"""Job and attempt."""

ANSWERS = frozenset({"ok", "fail", "unknown"})
SETTLED = frozenset({"SUCCESS", "CANCELLED", "EXPIRED", "ABANDONED", "STOPPED"})


@dataclass(frozen=True)
class Window:
    """A fault: when it began and when it was healed."""

    kind: str
    target: str
    begin: float
    end: float


@dataclass
class Records:
    """All records of a run, sorted by what they are."""

    by_what: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    jobs: dict[str, Record] = field(default_factory=dict)
    history: dict[str, list[Record]] = field(default_factory=dict)
    executions: dict[Key, Record] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)

    def all(self, what: str) -> list[Record]:
        """Every record of one sort, in the order written."""
        return self.by_what.get(what, [])

    def one(self, what: str) -> Record:
        """The one record of its sort; empty if there is none."""
        found = self.all(what)
        return found[0] if found else {}

    def keyed(self, what: str) -> dict[Key, list[Record]]:
        """Records of one sort by job and attempt."""
        found: dict[Key, list[Record]] = defaultdict(list)
        for record in self.all(what):
            found[record["job"], record["attempt"]].append(record)
        return found

    def answers(self) -> Iterator[tuple[Record, Record]]:
        """Each call of a client with its answer; a call without one has `unknown` for an answer."""
        answered = {r["op"]: r for what in ANSWERS for r in self.all(what)}
        for call in self.all("invoke"):
            yield call, answered.get(call["op"], {**call, "what": "unknown", "boot": float("inf")})


def read(directory: Path) -> Records:
    """All records in a directory."""
    return sort(_lines(directory))


def sort(lines: Iterable[Record]) -> Records:
    """Records by what they are, the tables by their keys."""
    records = Records()
    for line in lines:
        records.by_what[line["what"]].append(line)
    records.jobs = {row["id"]: row for row in records.all("jobs")}
    history: dict[str, list[Record]] = defaultdict(list)
    for row in sorted(records.all("job_history"), key=lambda row: row["version"]):
        history[row["job_id"]].append(row)
    records.history = dict(history)
    records.executions = {(row["job_id"], row["attempt"]): row for row in records.all("executions")}
    records.windows = _windows(records)
    return records


def _windows(records: Records) -> list[Window]:
    """A fault that was never healed lasts for ever."""
    ends = {r["fault"]: r["at"] for r in records.all("end-fault")}
    return [
        Window(r["kind"], r["target"], r["at"], ends.get(r["fault"], float("inf")))
        for r in records.all("begin-fault")
    ]


def settled(job: Record) -> bool:
    """Terminal, STOPPED, or FAILED without another try."""
    return job["status"] in SETTLED or (
        job["status"] == "FAILED" and job["next_attempt_at"] is None
    )


def _lines(directory: Path) -> Iterator[Record]:
    for path in sorted(directory.glob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                # A process that was killed may have left half a line behind.
                if line.endswith("\n"):
                    yield json.loads(line)
