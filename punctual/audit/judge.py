"""Runs the rules over a snapshot."""

from collections.abc import Callable
from dataclasses import dataclass, field

from punctual.audit.findings import Findings
from punctual.audit.merge import stories
from punctual.audit.rules import RULES
from punctual.audit.rules.g3_no_job_vanishes import retired
from punctual.audit.rules.i21_counters import broken_sums
from punctual.audit.rules.r19_one_of_a_key import Keys
from punctual.audit.snapshot import Snapshot
from punctual.audit.world import Terms, World

EVERY = 2_000
"""Jobs between two reports of progress."""


@dataclass
class Judgement:
    """What was read and found. `retired`: jobs that retention removed and whose history is still there."""

    world: World
    findings: Findings = field(default_factory=Findings)
    jobs: int = 0
    rows: int = 0
    executions: int = 0
    retired: int = 0


async def judge(
    snapshot: Snapshot, terms: Terms, progress: Callable[[int, int], None]
) -> Judgement:
    """Judge every job. `progress` is told the rows of history so far, and those that are expected."""
    world = await snapshot.world(terms)
    judgement = Judgement(world)
    findings = judgement.findings
    if world.since is None:
        for breach in broken_sums(world):
            findings.add("I21", None, breach)
    seen, keys = 0, Keys()
    async for story in stories(await snapshot.pages()):
        for name, broken in RULES:
            for breach in broken(story, world):
                findings.add(name, story.job_id, breach)
        keys.note(story)
        judgement.jobs += story.job is not None
        judgement.rows += len(story.history)
        judgement.executions += len(story.executions)
        judgement.retired += retired(story, world)
        seen += 1
        if seen % EVERY == 0:
            progress(judgement.rows, snapshot.expected_rows)
    for job_id, breach in keys.broken(world):
        findings.add("R19", job_id, breach)
    progress(judgement.rows, judgement.rows)
    return judgement
