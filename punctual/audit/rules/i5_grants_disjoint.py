"""I5: the grants of a job do not overlap, and attempts rise from grant to grant.

A grant is the lease. Judged twice: in history, by the order of versions, and in the executions, by their times.
The end of an attempt that was started by hand is stamped by another clock, and is judged in history only.
"""

from collections.abc import Iterator
from itertools import pairwise

from punctual.audit.findings import Breach, in_executions, in_history
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """Two holders at once, or an attempt given twice."""
    life = story.life
    for grant, row in life.doubled:
        yield in_history(
            f"Version {row['version']} gives the job to somebody while attempt {grant.attempt} is held.",
            grant.given,
            row,
        )
    if len(life.grants) > 1:
        for before, after in pairwise(life.grants):
            if after.attempt <= before.attempt:
                text = f"Attempt {after.attempt} was given after attempt {before.attempt}."
                yield in_history(text, before.given, after.given)
    if len(story.executions) > 1:
        outside = {grant.attempt for grant in life.grants if grant.outside}
        for one, two in pairwise(story.executions):
            ended = one["ended_at"]
            if ended is None or (ended > two["leased_at"] and one["attempt"] not in outside):
                text = f"Attempt {two['attempt']} was leased before attempt {one['attempt']} ended."
                yield in_executions(text, one, two)
