"""I9 (G4): at most one result, by the attempt that held the job, and the job shows that result.

An accepted outcome leaves its SHA-256 in history: over the JSON of [outcome, result, error], or over the word
SUCCESS where it was set by hand. The hash is computed again from the result that the job shows.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from punctual.audit.findings import Breach, in_history
from punctual.audit.row import Row
from punctual.audit.story import Story
from punctual.audit.world import World

BY_HAND = hashlib.sha256(b"SUCCESS").digest()
LARGE = 10**16
"""From here on JSON of a float and of a whole number may be the same number in PostgreSQL."""


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A second result, one by another attempt, or one that was changed afterwards."""
    accepted = [row for row in story.history if row["to_status"] == "SUCCESS"]
    if not accepted:
        return
    if len(accepted) > 1:
        yield in_history(f"{len(accepted)} results were accepted.", *accepted)
    for row in accepted:
        yield from _of_another(row, story)
    job, last = story.job, accepted[-1]
    if job is not None and job["status"] == "SUCCESS" and not _is_shown(last, job):
        text = "The job's result is not the one that was accepted: their hashes differ."
        yield Breach(text, (("job_history", last), ("jobs", job)))


def _of_another(row: Row, story: Story) -> Iterator[Breach]:
    grant = next((g for g in story.life.grants if g.end is row), None)
    if grant is None or grant.start is None:
        yield in_history("A result was accepted of an attempt that did not run.", row)
    elif (grant.attempt, grant.node) != (row["attempt"], row["node"]):
        text = (
            f"The result is of attempt {row['attempt']}, while attempt {grant.attempt} was running."
        )
        yield in_history(text, grant.start, row)


def _is_shown(accepted: Row, job: Row) -> bool:
    wanted = accepted["result_hash"]
    if accepted["reason"] == "by-hand":
        return bool(wanted == BY_HAND and job["result"] is None)
    text, error = job["result"], job["error"]
    if text is None:
        return bool(wanted == _hash(None, error))
    result = json.loads(text)
    return bool(wanted == _hash(result, error)) or _ambiguous(result)


def _hash(result: Any, error: str | None) -> bytes:
    return hashlib.sha256(json.dumps(["SUCCESS", result, error], sort_keys=True).encode()).digest()


def _ambiguous(value: Any) -> bool:
    """Whether a number in it may have been written otherwise by the worker: PostgreSQL keeps 1e16 as a whole
    number and -0.0 without its sign."""
    if isinstance(value, dict):
        return any(map(_ambiguous, value.values()))
    if isinstance(value, list):
        return any(map(_ambiguous, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) >= LARGE or (isinstance(value, float) and value == 0)
