"""The crash points of the protocol as built: where a process may die, or an answer be lost, between a create
and the commit of its record's offset. `python -m tests.support.crash_points --write` puts them into
docs/crash_points.md; tests/chaos/test_crash_points.py brings every one of them about.
"""

import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "crash_points.md"
PART = "points"


class Happens(Enum):
    """What happens at the point."""

    DIES = "exit"
    REPLY_LOST = "drop"
    STANDS_STILL = "pause"


class Given(Enum):
    """What brings a process there, beside jobs that are created and run."""

    JOBS = "jobs"
    AHEAD = "jobs that are held before their time"
    FAILING = "jobs that fail once"
    A_DRAIN = "a worker that is asked to end while it runs jobs"
    A_DEAD_WORKER = "a worker that was killed while it ran jobs"
    A_NEW_WORKER = "a worker that starts"


class Some(Enum):
    """Of the jobs, how many: judged over each round by itself."""

    NONE = "none"
    SOME = "some"
    ANY = "any"


@dataclass(frozen=True)
class CrashPoint:
    """One row. `hits`: a seed waits for the first up to this many hits. `again`: jobs that have a further
    execution; `lost`: jobs whose attempt counts as lost with its worker."""

    name: str
    who: str
    point: str
    moment: str
    must: str
    happens: Happens = Happens.DIES
    where: str = ""
    given: Given = Given.JOBS
    hits: int = 1
    again: Some = Some.NONE
    lost: Some = Some.NONE
    zombies: bool = False
    unheard: bool = False
    """An attempt that was lost had not told the sink: its handler was not called."""
    heard: bool = False
    """An attempt that was lost had told the sink: its effect was there."""


J, S, W = "job_service", "scheduler", "worker"

POINTS = (
    CrashPoint(
        "P1", J, "create.in-transaction", "the job is inserted and not committed",
        "Nothing is left; the client repeats the create, which makes the job.",
        hits=3,
    ),
    CrashPoint(
        "P2", J, "create.committed", "the create is committed and not answered",
        "The repeat under the same `Idempotency-Key` answers the same job; there is no second one.",
        hits=3,
    ),
    CrashPoint(
        "P3", J, "claim.asked", "a claim has come and nothing is claimed yet",
        "The job stays in `due` and is claimed when job_service is back.",
        hits=3,
    ),
    CrashPoint(
        "P4", J, "claim.committed", "the claim is committed and not answered",
        "The next claim acknowledges no more than the last reply that came, and gets the jobs again (R8).",
    ),
    CrashPoint(
        "P5", S, "call.answered", "the reply to a claim is lost",
        "As P4: sent again, held once.",
        Happens.REPLY_LOST, where="/claims",
    ),
    CrashPoint(
        "P6", S, "claim.held", "jobs are claimed and held, and none is published",
        "The reaper arms them again, with the same attempt; a live scheduler publishes them.",
    ),
    CrashPoint(
        "P7", S, "publish.sent", "records are sent and not acknowledged",
        "As P6; a record that did arrive is a second one, and its lease is refused or comes first.",
        where="job-execution-requests",
    ),
    CrashPoint(
        "P8", S, "publish.acked", "the broker's acknowledgement is lost",
        "Another producer sends the records again; the lease refuses the second ones.",
        Happens.REPLY_LOST, where="job-execution-requests",
    ),
    CrashPoint(
        "P9", S, "publish.acked", "the records are there and the scheduler has not taken note",
        "They are leased as if nothing had happened.",
        where="job-execution-requests",
    ),
    CrashPoint(
        "P10", W, "record.read", "records are read and no attempt is asked for",
        "No offset is committed: the group's next member reads them again.",
    ),
    CrashPoint(
        "P11", J, "lease.in-transaction", "attempts are leased and not committed",
        "Rolled back; the worker asks again with the same items (R1).",
        hits=2,
    ),
    CrashPoint(
        "P12", J, "lease.committed", "the lease is committed and not answered",
        "The worker asks again and is told that they are its own (R1); each starts once.",
        hits=2,
    ),
    CrashPoint(
        "P13", W, "call.answered", "the reply to a lease is lost",
        "As P12.",
        Happens.REPLY_LOST, where="/leases",
    ),
    CrashPoint(
        "P14", W, "lease.granted", "attempts are granted and no handler is called",
        "The node is reaped; each gets a new attempt, and counts as lost, for it may have begun (R15).",
        again=Some.SOME, lost=Some.SOME,
    ),
    CrashPoint(
        "P15", W, "lease.granted", "attempts are held before their time",
        "The node is reaped; each gets a new attempt, and runs when it is due.",
        given=Given.AHEAD, again=Some.SOME, lost=Some.ANY,
    ),
    CrashPoint(
        "P16", W, "handler.calling", "the last check is passed and the handler is not called",
        "As P14; the attempt that was lost had no effect.",
        hits=3, again=Some.SOME, lost=Some.SOME, unheard=True,
    ),
    CrashPoint(
        "P17", W, "handler.returned", "the handler has done its work and nobody is told",
        "As P14: it is run again. The same idempotency key lets the effect be recognised.",
        hits=3, again=Some.SOME, lost=Some.SOME, heard=True,
    ),
    CrashPoint(
        "P18", J, "report.before-commit", "a report has come and no end is written",
        "The worker keeps the result and reports it again (R3).",
        hits=2,
    ),
    CrashPoint(
        "P19", J, "report.before-commit", "the report of a failure has come and neither it nor the retry is "
        "written",
        "There is nothing between a failure and its retry: both are written with the next report, or neither.",
        given=Given.FAILING, hits=2, again=Some.SOME,
    ),
    CrashPoint(
        "P20", J, "report.committed", "ends are committed and not answered",
        'The repeat is answered "already"; nothing is recorded twice.',
        hits=2,
    ),
    CrashPoint(
        "P21", W, "call.answered", "the reply to a report is lost",
        "As P20.",
        Happens.REPLY_LOST, where="/reports",
    ),
    CrashPoint(
        "P22", W, "report.answered", "the answer to a report has come and is not noted",
        "What was reported is settled; what else ran in that worker is reaped.",
        hits=2, again=Some.ANY, lost=Some.ANY,
    ),
    CrashPoint(
        "P23", W, "report.sending", "the worker stands still with a result until its node is dead",
        "It runs again elsewhere; the late report is answered 409 and kept as a ZOMBIE note.",
        Happens.STANDS_STILL, again=Some.SOME, lost=Some.SOME, zombies=True,
    ),
    CrashPoint(
        "P24", W, "offset.committing", "records are decided and their offsets are not committed",
        "They are read again, and refused.",
        again=Some.ANY, lost=Some.ANY,
    ),
    CrashPoint(
        "P25", W, "offset.committed", "the answer to a commit of offsets is lost",
        "The same offsets are committed again.",
        Happens.REPLY_LOST,
    ),
    CrashPoint(
        "P26", W, "offset.committed", "offsets are committed and jobs run on",
        "What ran is reaped by its lease; no record is needed for that.",
        again=Some.ANY, lost=Some.ANY,
    ),
    CrashPoint(
        "P27", W, "call.answered", "the reply to a release is lost",
        "Released once more, which changes nothing; neither failures nor losses count.",
        Happens.REPLY_LOST, where="/releases", given=Given.A_DRAIN, again=Some.SOME,
    ),
    CrashPoint(
        "P28", J, "reap.marked", "a node is marked dead and its jobs are not moved",
        "The next round moves them: what a dead node holds is looked for each time (R4).",
        given=Given.A_DEAD_WORKER, again=Some.SOME, lost=Some.SOME,
    ),
    CrashPoint(
        "P29", f"{S}, {W}", "renewal.answered", "the reply to a renewal is lost",
        "It is sent again after a twelfth of the TTL; nobody is taken for dead.",
        Happens.REPLY_LOST,
    ),
    CrashPoint(
        "P30", J, "register.committed", "a node is registered and not told so",
        "It names the same id again, and its session counts anew (R5).",
        where="worker", given=Given.A_NEW_WORKER,
    ),
)  # fmt: skip


def part() -> str:
    """The table of the page."""
    lines = [
        "| | who | point | when | what happens | what must come of it |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {p.name} | {p.who} | `{p.point}` | {p.moment} | {_WORDS[p.happens]} | {p.must} |"
        for p in POINTS
    ]
    return "\n".join([*lines, ""])


_WORDS = {
    Happens.DIES: "it dies",
    Happens.REPLY_LOST: "the reply never comes",
    Happens.STANDS_STILL: "it stands still",
}


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    else:
        print(part(), end="")
