"""I6 (G2): an attempt starts at most once, on the node that it was granted to, and only if it was handed out.

Whether the handler ran once is known to the worker only; see what the audit cannot check.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach, in_history
from punctual.audit.row import Row
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A second start, a start by nobody, or of an attempt that was never handed out."""
    first: dict[int, Row] = {}
    for row in story.history:
        if row["to_status"] != "RUNNING" or row["from_status"] == "RUNNING":
            continue
        attempt = row["attempt"]
        if attempt in first:
            yield in_history(f"Attempt {attempt} was started twice.", first[attempt], row)
        first.setdefault(attempt, row)
        if row["node"] is None:
            yield in_history(f"Attempt {attempt} was started by nobody.", row)
    for row, number in story.life.misnumbered:
        if row["to_status"] == "RUNNING":
            text = f"Attempt {row['attempt']} was started and never granted: attempt {number} was."
            yield in_history(text, row)
