"""What consumers decided and committed, out of the workers' own logs at level debug."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

DECIDED, COMMITTED = "record decided", "offsets committed"


def write_decisions(logs: Path, target: Path) -> None:
    """One record for each decision and each commit of a topic partition."""
    with target.open("w") as out:
        for log in sorted(logs.glob("worker-*.log")):
            for line in log.open(errors="replace"):
                if DECIDED in line or COMMITTED in line:
                    for record in _records(line):
                        out.write(json.dumps({**record, "process": log.stem}) + "\n")


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
