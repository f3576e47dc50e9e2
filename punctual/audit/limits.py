"""What an audit of data cannot check, and why. Said with every answer, so that nobody takes silence for
proof."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from punctual.audit.rules.i2_settles import MARGIN
from punctual.audit.world import World


class NotChecked(NamedTuple):
    """A promise, or a part of one, and why it was not judged."""

    name: str
    why: str


OUTSIDE = (
    NotChecked(
        "I1",
        "What clients were told is known to them only: a create that left no row at all shows nowhere.",
    ),
    NotChecked(
        "I3", "How late a job may start depends on faults and load, which are not in the data."
    ),
    NotChecked("I4", "This version has no recurring schedules."),
    NotChecked(
        "I11", "What reached an outside target, and with which token, is known to that target only."
    ),
    NotChecked("I12", "What a handler did before it was lost is known to its target only."),
    NotChecked("I13", "Which offsets were committed when is known to Kafka only."),
    NotChecked("I14", "What lies on the topic is known to Kafka only."),
    NotChecked("I16", "This version has no tenants."),
    NotChecked(
        "I17", "Whether two creates were one wish of a client is known to that client only."
    ),
    NotChecked("I18", "What a client read after its write is known to it only."),
    NotChecked("I19", "This version has no batch steps."),
    NotChecked("I20", "This version has no leaders."),
    NotChecked(
        "I22",
        "How long it takes to recover needs the times of the faults, which are not in the data.",
    ),
)
"""Needs records from outside. `make chaos` keeps such records and judges these too."""


def not_checked(world: World, retired: int) -> Iterator[NotChecked]:
    """Everything that this audit did not judge."""
    yield from OUTSIDE
    yield from _settling(world)
    if world.since is not None:
        yield NotChecked("since", f"Jobs made before {_shown(world.since)} were not read.")
        yield NotChecked(
            "I21",
            "The counts of jobs by state are kept over all jobs, not over those since a time.",
        )
    if world.history_days:
        yield NotChecked(
            "retention",
            f"History begins on {world.history_days[0]}: jobs that were removed with the days before are gone"
            " without a trace.",
        )
    if retired:
        yield NotChecked(
            "retention",
            f"{retired} jobs are gone and settled longer than {_days(world.terms.keep)} ago: retention removed"
            " them, or somebody else did; of their history what is left was judged.",
        )


def _settling(world: World) -> Iterator[NotChecked]:
    judged_at = world.judged_at
    if judged_at is None:
        yield NotChecked("I2", "No duty ever ticked here, so nothing can be said to be late.")
    elif judged_at < world.now - MARGIN:
        yield NotChecked(
            "I2",
            f"The duties ticked last at {_shown(judged_at)}: what should have happened since is not judged.",
        )
    if world.overdue and world.oldest_overdue is not None:
        yield NotChecked(
            "I2",
            f"{world.overdue} jobs wait in due past their time, the first since {_shown(world.oldest_overdue)}:"
            " whether a worker had room for them is not in the data; punctual job why tells of each.",
        )


def _days(keep: timedelta) -> str:
    return f"{keep.total_seconds() / 86_400:g} days"


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
