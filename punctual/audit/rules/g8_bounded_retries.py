"""G8: retries are bounded. `failures` never exceeds `max_attempts`, which a client raises with each retry by
hand."""

from collections.abc import Iterator

from punctual.audit.findings import Breach
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """More failures than the job allows."""
    job = story.job
    if job is not None and job["failures"] > job["max_attempts"]:
        text = f"It failed {job['failures']} times, and {job['max_attempts']} are allowed."
        yield Breach(text, (("jobs", job),))
