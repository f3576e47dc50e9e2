"""docs/states.md, written from the table of states.

python -m tests.support.state_docs --write
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from job_service.domain.lifecycle import EDGES, TERMINAL, allowed_to_clients
from shared.contracts.states import JobStatus
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "states.md"

_HEAD = """# The states of a job

Generated from `job_service/domain/lifecycle.py` by `python -m tests.support.state_docs --write`; a test
fails when this page differs from the table.
"""

_SETTLED = """A job is **settled** when it is in a terminal state, STOPPED, or FAILED without a next attempt
(a dead letter).
"""


def page() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        "## Diagram\n",
        diagram(),
        f"Terminal, never left: {_names(s for s in JobStatus if s in TERMINAL)}.\n\n{_SETTLED}",
        "## Every legal change\n",
        edges(),
        "## What a client may ask for by hand\n",
        by_hand(),
    ]
    return "\n".join(parts)


def diagram() -> str:
    """The states and the ways between them, for Mermaid."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> CREATED"]
    lines += [
        f"    {edge.source} --> {edge.target}" for edge in EDGES if edge.source != edge.target
    ]
    lines += [f"    {status} --> [*]" for status in JobStatus if status in TERMINAL]
    return "\n".join([*lines, "```", ""])


def edges() -> str:
    """One row for each edge. A reason is the code that history carries."""
    rows = [
        (edge.source, edge.target, ", ".join(edge.actors), _codes(edge.reasons), edge.cause)
        for edge in EDGES
    ]
    return _table(("from", "to", "by", "reasons", "cause"), rows)


def by_hand() -> str:
    """What the 409 answer names for each state."""
    rows = [(status, _names(allowed_to_clients(status)) or "nothing") for status in JobStatus]
    return _table(("from", "can become"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *map(_row, rows)]
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _names(states: Iterable[JobStatus]) -> str:
    return ", ".join(states)


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())
