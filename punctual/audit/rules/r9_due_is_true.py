"""R9: a row in `due` says what its job says.

A claim takes a row only if its moment, band and type equal the job's; one that differs is never dispatched.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach
from punctual.audit.story import Story
from punctual.audit.world import World

SAME = ("dispatch_at", "band", "job_type")


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A row that no claim will take."""
    due, job = story.due, story.job
    if due is None or job is None:
        return
    differ = [name for name in SAME if due[name] != job[name]]
    if differ:
        text = (
            f"Its row in due has another {' and '.join(differ)} than the job, so no claim takes it."
        )
        yield Breach(text, (("jobs", job), ("due", due)))
