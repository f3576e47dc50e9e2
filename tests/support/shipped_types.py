"""job_service/postgres/shipped_types.json, written from the handlers: what is known before any worker came. A
new type need not be in it, as its first worker declares it.

python -m tests.support.shipped_types --write
"""

import json
import sys
from pathlib import Path

from shared.contracts.nodes import DeclaredType
from tests.support.source_files import ROOT
from worker_service.discovery import discover

KNOWN_FROM_THE_START = ("DUMMY", "HTTP_CALL")
FILE: Path = ROOT / "job_service" / "postgres" / "shipped_types.json"


def declared() -> list[DeclaredType]:
    """What a worker with these handlers declares."""
    types = discover()
    return [
        DeclaredType(
            name=t.name, timeout_seconds=t.timeout_seconds, payload_schema=dict(t.payload_schema)
        )
        for t in (types[name] for name in KNOWN_FROM_THE_START)
    ]


def text() -> str:
    """The whole file."""
    types = [t.model_dump(mode="json", by_alias=True) for t in declared()]
    return json.dumps(types, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(text())
    else:
        sys.stdout.write(text())
