"""I15 (G5): a handler never starts before its due time.

Judged for each execution by its own due time and by `startedAt`, when the handler began (R24); by the
database clock and without a margin. An attempt that a client started by hand is the client's own wish,
whatever its due time.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach, in_executions
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A start before due."""
    for row in story.executions:
        started, due = row["started_at"], row["due_at"]
        if started is None or started >= due or _by_hand(story, row["attempt"]):
            continue
        early = (due - started).total_seconds() * 1000
        yield in_executions(
            f"Attempt {row['attempt']} began {early:.3f} ms before it was due.", row
        )


def _by_hand(story: Story, attempt: int) -> bool:
    return any(grant.outside and grant.attempt == attempt for grant in story.life.grants)
