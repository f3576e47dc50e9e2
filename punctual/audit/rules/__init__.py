"""The rules, one file each. A rule looks at one story at a time and keeps nothing."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from punctual.audit.findings import Breach
from punctual.audit.rules import (
    g3_no_job_vanishes,
    g8_bounded_retries,
    i2_settles,
    i5_grants_disjoint,
    i6_one_start,
    i7_terminal_final,
    i8_versions,
    i9_one_result,
    i10_executions_match,
    i15_never_early,
    i21_counters,
    r6_one_narrow_row,
    r9_due_is_true,
)
from punctual.audit.story import Story
from punctual.audit.world import World


class Rule(NamedTuple):
    """A rule by its name in DESIGN section 4 or failure_model section 7."""

    name: str
    broken: Callable[[Story, World], Iterable[Breach]]


RULES = (
    Rule("G3", g3_no_job_vanishes.broken),
    Rule("G8", g8_bounded_retries.broken),
    Rule("I2", i2_settles.broken),
    Rule("I5", i5_grants_disjoint.broken),
    Rule("I6", i6_one_start.broken),
    Rule("I7", i7_terminal_final.broken),
    Rule("I8", i8_versions.broken),
    Rule("I9", i9_one_result.broken),
    Rule("I10", i10_executions_match.broken),
    Rule("I15", i15_never_early.broken),
    Rule("I21", i21_counters.broken),
    Rule("R6", r6_one_narrow_row.broken),
    Rule("R9", r9_due_is_true.broken),
)
