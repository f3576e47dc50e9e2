"""G3: no job is lost.

What has a history or an execution has a job, or a note that a client deleted it. Retention removes settled jobs
that are old enough, and may leave their history until its day is dropped: such a job is counted as retired and
not judged, see `retired`.
"""

from collections.abc import Iterator
from datetime import datetime

from punctual.audit.edges import TERMINAL
from punctual.audit.findings import Breach
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A job that is gone and that nobody may have removed."""
    if story.job is not None or story.deleted is not None or retired(story, world):
        return
    if story.history:
        text = (
            "The job is gone: its last state is not settled, or younger than settled jobs are kept, and no"
            " client deleted it."
        )
        yield Breach(text, (("job_history", story.history[-1]),))
    elif story.executions:
        yield Breach(
            "The job is gone and its history with it.", (("executions", story.executions[-1]),)
        )


def retired(story: Story, world: World) -> bool:
    """Whether retention may have removed the job: gone, settled, and unchanged for as long as jobs are kept."""
    if story.job is not None or story.deleted is not None:
        return False
    ended = _settled_at(story)
    return ended is not None and ended < world.now - world.terms.keep


def _settled_at(story: Story) -> datetime | None:
    moment: datetime | None = None
    if story.history:
        last = story.history[-1]
        if last["to_status"] in TERMINAL | {"FAILED", "STOPPED"}:
            moment = last["at"]
    elif story.executions:
        moment = story.executions[-1]["ended_at"]
    return moment
