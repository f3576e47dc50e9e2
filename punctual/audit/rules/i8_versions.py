"""I8 (G7): the history is complete.

Versions are 0, 1, 2 … without a gap, each row begins in the state where the one before ended, each change is
one of the table of states with its reasons and actors (R17), and the job, or the note of its deletion, says
what the last row says.
"""

from collections.abc import Iterator
from typing import Any

from punctual.audit.edges import EDGES, FIRST
from punctual.audit.findings import Breach, in_history
from punctual.audit.row import Row
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A gap, a joint that does not fit, an illegal change, or another end than the job says."""
    history = story.history
    if not history:
        yield from _without_history(story)
        return
    yield from _first(history[0])
    before = history[0]
    for row in history[1:]:
        if row["version"] != before["version"] + 1:
            yield in_history(_gap(before["version"], row["version"]), before, row)
        elif row["from_status"] != before["to_status"]:
            text = f"Version {row['version']} leaves {row['from_status']}; the job was {before['to_status']}."
            yield in_history(text, before, row)
        edge = EDGES.get((row["from_status"], row["to_status"]))
        if edge is None or row["reason"] not in edge.reasons or row["actor"] not in edge.actors:
            yield in_history(_illegal(row), row)
        before = row
    yield from _last(before, story)


def _without_history(story: Story) -> Iterator[Breach]:
    for table, row in (("jobs", story.job), ("deleted_jobs", story.deleted)):
        if row is not None:
            yield Breach("The job has no history.", ((table, row),))


def _first(row: Row) -> Iterator[Breach]:
    if row["version"] != 0:
        yield in_history(f"Version 0 is missing; the first is {row['version']}.", row)
    elif row["from_status"] is not None or row["to_status"] != FIRST or row["reason"] != "created":
        yield in_history("Version 0 is no creation.", row)


def _gap(before: int, after: int) -> str:
    missing = f"{before + 1}" if after == before + 2 else f"{before + 1} to {after - 1}"
    return f"Version {missing} is missing."


def _illegal(row: Row) -> str:
    return (
        f"Version {row['version']} is no legal change: {row['from_status']} to {row['to_status']},"
        f" {row['reason']}, by {row['actor']}."
    )


def _last(last: Row, story: Story) -> Iterator[Breach]:
    for table, row in (("jobs", story.job), ("deleted_jobs", story.deleted)):
        if row is None:
            continue
        said: tuple[Any, Any] = (row["version"], row["status"])
        if said != (last["version"], last["to_status"]):
            text = (
                f"The job is {said[1]} at version {said[0]},"
                f" its history ends {last['to_status']} at version {last['version']}."
            )
            yield Breach(text, ((table, row), ("job_history", last)))
