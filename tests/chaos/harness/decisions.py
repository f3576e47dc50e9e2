"""What the logs of services say: of each record and each commit (workers, at level debug), and every error."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

DECIDED, COMMITTED = "record decided", "offsets committed"
_SERVICES = ("job-*.log", "scheduler-*.log", "worker-*.log")


def write_decisions(logs: Path, target: Path) -> None:
    """One record for each decision and each commit of a topic partition."""
    with target.open("w") as out:
        for log in sorted(logs.glob("worker-*.log")):
            for line in log.open(errors="replace"):
                if DECIDED in line or COMMITTED in line:
                    for record in _records(line):
                        out.write(json.dumps({**record, "process": log.stem}) + "\n")


def write_errors(logs: Path, target: Path) -> None:
    """One record for each event at level error, and for each trace that no event holds, of each process."""
    with target.open("w") as out:
        for log in sorted(path for name in _SERVICES for path in logs.glob(name)):
            events = Counter(e for line in log.open(errors="replace") if (e := _error(line)))
            for event, count in sorted(events.items()):
                told = {"process": log.stem, "event": event, "count": count}
                out.write(json.dumps({"what": "log-error", "at": 0.0, **told}) + "\n")


def _error(line: str) -> str | None:
    if line.startswith("Traceback"):
        return "Traceback"
    if '"level": "error"' in line or '"level": "critical"' in line:
        with suppress(ValueError):
            said = json.loads(line)
            return f"{said['event']} {str(said.get('error', ''))[:80]}".strip()
    return None


def _records(line: str) -> Iterator[dict[str, Any]]:
    said: dict[str, Any] = {}
    with suppress(ValueError):  # a killed worker may leave half a line behind
        said = json.loads(line)
    at = datetime.fromisoformat(said["timestamp"]).timestamp() if said else 0.0
    if said.get("event") == DECIDED:
        yield {
            "what": "decided",
            "at": at,
            "topic_partition": said["topic_partition"],
            "offset": said["offset"],
            "job": said.get("job_id"),
            "attempt": said.get("attempt"),
            "decision": said["decision"],
        }
    elif said.get("event") == COMMITTED:
        for number, offset in said["offsets"].items():
            yield {
                "what": "committed",
                "at": at,
                "topic_partition": int(number),
                "offset": offset,
                "generation": said["generation"],
            }
