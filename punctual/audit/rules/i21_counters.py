"""I21: what is counted adds up.

Of each job `attempt`, `failures` and `lost` come out of its history again; `attempt` of each row is how often
the job had entered SCHEDULED by then. The counts of jobs by state are what counting says.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach, in_history
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A counter that its history does not come to."""
    life, job = story.life, story.job
    for row, number in life.misnumbered:
        text = f"Version {row['version']} says attempt {row['attempt']}; the rows before come to {number}."
        yield in_history(text, row)
    if job is None or not story.history:
        return
    for name, counted in (("attempt", life.attempt), ("failures", life.failures)):
        if job[name] != counted:
            text = f"The job says {name} {job[name]}; its history comes to {counted}."
            yield Breach(text, (("jobs", job),))
    if not life.lost_least <= job["lost"] <= life.lost_most:
        between = " to ".join(map(str, sorted({life.lost_least, life.lost_most})))
        text = f"The job says lost {job['lost']}; its history comes to {between}."
        yield Breach(text, (("jobs", job),))


def broken_sums(world: World) -> Iterator[Breach]:
    """A count of jobs by state that is not what counting says."""
    kept, found = world.counts_kept, world.counts_found
    for status in sorted(kept.keys() | found.keys()):
        if kept.get(status, 0) != found.get(status, 0):
            yield Breach(
                f"{kept.get(status, 0)} jobs are counted as {status}, and there are {found.get(status, 0)}."
            )
