"""I7: SUCCESS, CANCELLED, EXPIRED and ABANDONED are final: nothing leaves them."""

from collections.abc import Iterator
from itertools import pairwise

from punctual.audit.edges import TERMINAL
from punctual.audit.findings import Breach, in_history
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A row that leaves a terminal state, or follows one."""
    for before, row in pairwise(story.history):
        if row["from_status"] in TERMINAL or before["to_status"] in TERMINAL:
            left = row["from_status"] if row["from_status"] in TERMINAL else before["to_status"]
            yield in_history(f"Version {row['version']} leaves {left}.", before, row)
