"""The fold over one job's history.

Apart from the code that writes history: it knows the words of DESIGN sections 3 and 4 and nothing else. A
history that is broken is folded as far as it goes; what does not fit is kept and named by the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from punctual.audit.edges import TAKEN, enters_scheduled
from punctual.audit.row import Row

STATEMENT_LIMIT = timedelta(seconds=10)
"""A duty judges whether a held attempt was due when its statement begins, and stamps the row when it has its
locks; both lie within the time limit of a statement (5 s, doubled)."""


@dataclass(slots=True)
class Grant:
    """One lease: from the row that gave an attempt to a node to the row that ended it. `start` is the row with
    which it became RUNNING."""

    attempt: int
    node: UUID | None
    given: Row
    outside: bool
    start: Row | None = None
    end: Row | None = None


@dataclass(slots=True)
class Life:
    """What a history comes to. `lost` lies between two numbers where the history cannot tell whether an attempt
    had come due when its holder died."""

    grants: list[Grant] = field(default_factory=list)
    attempt: int = 0
    failures: int = 0
    lost_least: int = 0
    lost_most: int = 0
    misnumbered: list[tuple[Row, int]] = field(default_factory=list)
    """Rows whose `attempt` is not what the rows before come to, and what that is."""
    doubled: list[tuple[Grant, Row]] = field(default_factory=list)
    """A grant and the row that gives or starts the job for somebody else meanwhile."""
    strays: list[Row] = field(default_factory=list)
    """Rows that end an attempt that nobody held."""


def fold(history: Sequence[Row], executions: Sequence[Row]) -> Life:
    """Fold a history in the order of its versions. `executions` tell when a held attempt was due."""
    life = Life()
    holder: Grant | None = None
    number = 0
    for row in history:
        before, after, reason = row["from_status"], row["to_status"], row["reason"]
        if enters_scheduled(before, after, reason):
            life.attempt += 1
            number += 1
        if row["attempt"] != number:
            life.misnumbered.append((row, number))
            number = row["attempt"]
        if after == "RUNNING" and before == "SCHEDULED":
            holder = _begun(life, holder, row)
        elif reason == "held" and after == "SCHEDULED":
            if holder is not None:
                life.doubled.append((holder, row))
            holder = _given(life, row)
        elif _leaves(before, after, reason, held=holder is not None):
            _count(life, holder, row, executions)
            if holder is None:
                life.strays.append(row)
            else:
                holder.end = row
                holder = None
    return life


def _given(life: Life, row: Row) -> Grant:
    grant = Grant(row["attempt"], row["node"], row, row["actor"] == "outside")
    life.grants.append(grant)
    return grant


def _begun(life: Life, holder: Grant | None, row: Row) -> Grant:
    """A start: of the attempt that is held, or lease and start in one."""
    mine = holder is not None and holder.attempt == row["attempt"] and holder.node == row["node"]
    if holder is None or not mine:
        if holder is not None:
            life.doubled.append((holder, row))
        holder = _given(life, row)
    holder.start = row
    return holder


def _leaves(before: str | None, after: str, reason: str, *, held: bool) -> bool:
    """Whether a row ends an attempt."""
    if before == "RUNNING":
        return after != "RUNNING"
    return held and before == "SCHEDULED" and (after != "SCHEDULED" or reason in TAKEN)


def _count(life: Life, holder: Grant | None, row: Row, executions: Sequence[Row]) -> None:
    """`failures`: the handler said no. `lost`: the lease was lost while running, or while held past its due
    time; the deadline duty, which names the holder, counts none where a cancel was asked."""
    reason, after = row["reason"], row["to_status"]
    if row["from_status"] == "RUNNING":
        if reason in ("lost", "poison"):
            life.lost_least += 1
            life.lost_most += 1
        elif after == "FAILED":
            life.failures += 1
    elif reason == "lost" and not (after == "CANCELLED" and row["node"] is not None):
        attempt = None if holder is None else holder.attempt
        due = next((e["due_at"] for e in executions if e["attempt"] == attempt), None)
        life.lost_least += due is not None and due <= row["at"] - STATEMENT_LIMIT
        life.lost_most += due is None or due <= row["at"]
