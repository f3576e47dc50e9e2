"""I2 (G3): a job that was started or claimed goes on.

Data alone know three bounds, each with a margin: a leased attempt ends by its deadline (R16), a claim that
nobody leased is armed again (R9, R21), and both are done by duties, so they are judged as of the duties' last
tick and after any amnesty (R14). Whether a job that waits in `due` could have been claimed is not in the
data.
"""

from collections.abc import Iterator
from datetime import timedelta

from punctual.audit.findings import Breach
from punctual.audit.story import Story
from punctual.audit.world import World

MARGIN = timedelta(seconds=60)
"""What a duty may be late: it looks each second, in batches."""


def broken(story: Story, world: World) -> Iterator[Breach]:
    """An attempt or a claim that a duty should have ended."""
    row, judged_at = story.inflight, world.judged_at
    if row is None or judged_at is None or not story.unsettled:
        return
    if row["worker"] is not None:
        limit = row["look_at"]
        if world.suspended_until is not None:
            limit = max(limit, world.suspended_until)
        text = "Its attempt is past its deadline, and no duty ended it."
    else:
        limit = max(row["ready_at"], row["since"]) + world.terms.armed_again_after
        text = "It was claimed and nobody leased it, and it was not armed again."
    if limit + MARGIN < judged_at:
        yield Breach(text, (("inflight", row),))
