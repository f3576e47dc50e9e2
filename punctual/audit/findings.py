"""What the rules find, in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from punctual.audit.row import Row

MOST_NAMED = 20
"""Violations that are named for each rule; the others are counted."""


class Breach(NamedTuple):
    """One broken promise: a sentence, and the rows that break it as (table, row)."""

    text: str
    rows: tuple[tuple[str, Row], ...] = ()


def in_history(text: str, *rows: Row) -> Breach:
    """A breach by rows of history."""
    return Breach(text, tuple(("job_history", row) for row in rows))


def in_executions(text: str, *rows: Row) -> Breach:
    """A breach by executions."""
    return Breach(text, tuple(("executions", row) for row in rows))


class Violation(NamedTuple):
    """A breach with the rule and the job; no job where sums do not add up."""

    rule: str
    job_id: UUID | None
    breach: Breach


@dataclass
class Findings:
    """Named violations, at most `MOST_NAMED` for each rule, and the totals of all."""

    named: list[Violation] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, job_id: UUID | None, breach: Breach) -> None:
        """Keep it, or count it only."""
        self.totals[rule] += 1
        if self.totals[rule] <= MOST_NAMED:
            self.named.append(Violation(rule, job_id, breach))
