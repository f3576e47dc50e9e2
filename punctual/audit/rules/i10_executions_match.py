"""I10: executions and grants are the same, one for one: attempt, node, end, and the hash of the outcome.

Late results (ZOMBIE notes) hang on an execution and change nothing of it.
"""

from collections.abc import Iterator

from punctual.audit.findings import Breach
from punctual.audit.life import Grant
from punctual.audit.row import Row
from punctual.audit.rules.g3_no_job_vanishes import retired
from punctual.audit.story import Story
from punctual.audit.world import World


def broken(story: Story, world: World) -> Iterator[Breach]:
    """A grant without execution, an execution without grant, or two that differ."""
    if not story.history and retired(story, world):
        return
    grants = {grant.attempt: grant for grant in story.life.grants}
    for row in story.executions:
        grant = grants.pop(row["attempt"], None)
        if grant is None:
            text = f"An execution of attempt {row['attempt']}, which was never granted."
            yield Breach(text, (("executions", row),))
        else:
            yield from _differ(grant, row)
    for row in story.life.strays:
        text = f"Version {row['version']} ends an attempt that nobody held."
        yield Breach(text, (("job_history", row),))
    for grant in grants.values():
        text = f"Attempt {grant.attempt} was granted and has no execution."
        yield Breach(text, (("job_history", grant.given),))


def _differ(grant: Grant, row: Row) -> Iterator[Breach]:
    text = None
    end = grant.end
    if row["node"] != grant.node:
        text = f"Attempt {grant.attempt} was granted to one node and executed by another."
    elif (end is None) != (row["ended_at"] is None):
        text = f"Attempt {grant.attempt} {'goes on' if end is None else 'has ended'}, not so its execution."
    elif row["status"] not in _statuses(grant):
        text = (
            f"The execution of attempt {grant.attempt} says {row['status']}, and history does not."
        )
    elif end is not None and end["result_hash"] != row["result_hash"]:
        text = f"The outcome of attempt {grant.attempt} has another hash in its execution than in history."
    if text is not None:
        last = end or grant.start or grant.given
        yield Breach(text, (("job_history", last), ("executions", row)))


def _statuses(grant: Grant) -> frozenset[str]:
    """What the execution's status may be."""
    end = grant.end
    if end is None:
        return _RUNNING if grant.start is not None else _HELD
    after, reason = end["to_status"], end["reason"]
    if reason == "lost":
        # The reaper takes an attempt as lost; the deadline duty cancels one where that was asked.
        return _LOST_OR_CANCELLED if after == "CANCELLED" else _LOST
    if reason == "poison":
        return _LOST
    return _BY_STATE.get(after, frozenset())


_RUNNING, _HELD = frozenset({"RUNNING"}), frozenset({"HELD"})
_LOST, _LOST_OR_CANCELLED = frozenset({"LOST"}), frozenset({"LOST", "CANCELLED"})
_BY_STATE = {
    "SUCCESS": frozenset({"SUCCESS"}),
    "FAILED": frozenset({"FAILED"}),
    "CANCELLED": frozenset({"CANCELLED"}),
    "SCHEDULED": frozenset({"RELEASED"}),
    "CREATED": frozenset({"SNOOZED"}),
    "STOPPED": frozenset({"STOPPED"}),
    "WAITING": frozenset({"WAITING"}),
}
