"""What is checked: configurations in which nothing may break, states that must be reachable, and mutants.

`settings` are budgets and mutants of session.pml; what is not named there has its usual value: one fault, two
workers, two schedulers, and no wish of a client. `expects` is what has to be found: "ok", the name of the
promise that is broken first, or "livelock".
"""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["safe", "live"]
"""`safe`: every promise, and when no step is left the job is settled. `live`: under weak fairness every job
settles, so that there is no livelock either."""

OK = "ok"
LIVELOCK = "livelock"


@dataclass(frozen=True)
class Row:
    """One run of a verifier."""

    rule: str
    name: str
    settings: tuple[tuple[str, int], ...]
    expects: str = OK
    mode: Mode = "safe"


def _row(rule: str, name: str, settings: str, expects: str = OK, mode: Mode = "safe") -> Row:
    """`settings` as in `FAULTS=2 NO_R7`; a name alone is 1."""
    pairs = (word.partition("=") for word in settings.split())
    given = tuple((key, int(value) if value else 1) for key, _, value in pairs)
    return Row(rule, name, given, expects, mode)


_ALONE = "LOSSLESS NO_RECONCILE"
"""The topic keeps what it is given and nobody reconciles: what heals without the reconciler."""
_ONE = "SCHEDULERS=1"
_NEVER = "NO_R16 LOST_HANDLERS=0"
"""No deadline, and no handler that needs one."""

CONFIGURATIONS = (
    _row("", "two faults, nothing else", "FAULTS=2"),
    _row("", "two faults, cancel", f"FAULTS=2 CANCELS {_ONE}"),
    _row("", "two faults, release", f"FAULTS=2 RELEASES {_ONE}"),
    _row("", "two faults, retries", f"FAULTS=2 MAX_ATTEMPTS=2 {_ONE}"),
    _row("", "cancel, release", "CANCELS RELEASES"),
    _row("", "cancel, retry by hand, leave", f"CANCELS RETRIES MAX_ATTEMPTS=2 LEAVES {_ONE}"),
    _row("", "snooze, reschedule", f"SNOOZES MOVES {_ONE}"),
    _row("R16", "deadline, cancel", f"DEADLINES CANCELS {_ONE}"),
    _row("", "pause, release", f"PAUSES RELEASES {_ONE} CHECK_WASTE=0"),
    _row("", "expiry, decline, leave", f"EXPIRES DECLINES LEAVES {_ONE}"),
    _row("R17", "an executor outside, cancel, abandon", f"OUTSIDES CANCELS ABANDONS {_ONE}"),
    _row(
        "",
        "no fault: all of a client's wishes",
        "FAULTS=0 CANCELS MOVES RETRIES ABANDONS PAUSES OUTSIDES",
    ),
    _row("R2", "every comparison", f"EVERY_COMPARISON CANCELS {_ONE}"),
    _row("R21", "the reconciler is always too early", f"EARLY_RECONCILE CANCELS {_ONE}"),
    _row("", "nobody reconciles, the topic loses nothing", f"FAULTS=2 {_ALONE} {_ONE}"),
    _row("", "one fault", _ONE, mode="live"),
    _row("", "two faults, one worker", f"FAULTS=2 WORKERS=1 {_ONE}", mode="live"),
    _row("", "cancel, release", f"CANCELS RELEASES {_ONE} WORKERS=1", mode="live"),
    _row("", "retries, leave", f"MAX_ATTEMPTS=2 LEAVES {_ONE} WORKERS=1", mode="live"),
    _row("", "no fault: snooze, reschedule", f"SNOOZES MOVES {_ONE} FAULTS=0", mode="live"),
    _row(
        "",
        "no fault: pause, expiry, decline",
        f"PAUSES EXPIRES DECLINES {_ONE} FAULTS=0",
        mode="live",
    ),
    _row(
        "R21",
        "the reconciler is always too early",
        f"EARLY_RECONCILE {_ONE} WORKERS=1",
        mode="live",
    ),
)

WITNESSES = (
    _row("", "a success after a reap", "WITNESS=1", "CAN_SUCCEED_AFTER_A_LOSS"),
    _row("R15", "quarantine", f"WITNESS=2 FAULTS=2 {_ONE}", "CAN_BE_POISONED"),
    _row("", "a success of a dead node that is not reaped yet", "WITNESS=3", "CAN_END_LATE"),
    _row("R20", "a cancel while held", "WITNESS=4 CANCELS", "CAN_BE_CANCELLED_WHILE_HELD"),
    _row("R8", "a claim sent again, and a success", "WITNESS=5", "CAN_BE_RESENT"),
    _row("R21", "a claim armed again, and a success", "WITNESS=6", "CAN_BE_ARMED_AND_RUN"),
    _row("R16", "the deadline of a lost handler", "WITNESS=7", "CAN_MEET_ITS_DEADLINE"),
    _row("R17", "a success outside", "WITNESS=8 OUTSIDES", "CAN_RUN_OUTSIDE"),
    _row("", "expiry", "WITNESS=9 EXPIRES", "CAN_EXPIRE"),
    _row("R23", "a decline, and a success", "WITNESS=10 DECLINES", "CAN_BE_DECLINED_AND_RUN"),
)

MUTANTS = (
    _row("R1", "a repeated lease is refused", "NO_R1", "NO_ATTEMPT_WASTED"),
    _row("R1", "… and nobody compares", f"NO_R1 NO_R2 {_ONE}", "NO_FAILURE_INVENTED"),
    _row("R1", "… nor is there a deadline", f"NO_R1 NO_R2 {_NEVER} {_ONE}", "NOT_STUCK"),
    _row("R1", "a lease takes what another holds", "LEASE_TAKES_LEASED", "NO_LEASE_TAKEN_AWAY"),
    _row(
        "R1",
        "a lease takes any attempt",
        "LEASE_ANY_ATTEMPT CHECK_WASTE=0",
        "START_NEEDS_THE_GRANT",
    ),
    _row("R2", "nobody compares, and nothing is paused", f"NO_R2 {_ONE}"),
    _row("R2", "nobody compares", f"NO_R2 PAUSES {_ONE}", "NO_FAILURE_INVENTED"),
    _row("R2", "… and a failure may be invented", f"NO_R2 PAUSES CHECK_INVENTED=0 {_ONE}"),
    _row("R2", "… nor is there a deadline", f"NO_R2 {_NEVER} PAUSES {_ONE}", "NOT_STUCK"),
    _row(
        "R2",
        "stops whatever is not named",
        "R2_STOP_AT_ONCE EVERY_COMPARISON FAULTS=0",
        "NO_ATTEMPT_WASTED",
    ),
    _row(
        "R2",
        "… again and again",
        f"R2_STOP_AT_ONCE EVERY_COMPARISON FAULTS=0 CHECK_WASTE=0 {_ONE}",
        LIVELOCK,
        "live",
    ),
    _row(
        "R2",
        "leases again what it gives back",
        f"R2_NO_MARK FAULTS=2 PAUSES {_ONE} CHECK_WASTE=0",
        "START_NEEDS_THE_GRANT",
    ),
    _row("R3", "a result is told once", "NO_R3", "NO_ATTEMPT_WASTED"),
    _row("R3", "a start is told after its end", "START_AFTER_END", "NO_ATTEMPT_WASTED"),
    _row("R4", "mark and move in one step, no lock", "NO_R4", "NOT_STUCK"),
    _row("R4", "mark and move in one statement", "R4_ONE_STATEMENT", "NOT_STUCK"),
    _row("R4", "the dead are looked at once", f"NO_RESCAN FAULTS=2 {_ONE}", "NOT_STUCK"),
    _row("R4", "no lock, but looked for each round", f"R4_NO_LOCK FAULTS=2 {_ONE}"),
    _row("R5", "starts past its session's end", "NO_LOCAL_EXPIRY", "START_NEEDS_THE_GRANT"),
    _row("R5", "starts past its deadline", "NO_LOCAL_DEADLINE DEADLINES", "START_NEEDS_THE_GRANT"),
    _row("R5", "does not wait for the due time", "NO_LOCAL_DUE", "NEVER_EARLY"),
    _row("R6", "a lease leaves the armed row", "NO_R6", "ONE_NARROW_ROW"),
    _row(
        "R6",
        "a lease refuses what is armed",
        f"LEASE_REFUSES_ARMED EARLY_RECONCILE FAULTS=0 {_ONE}",
        LIVELOCK,
        "live",
    ),
    _row("R6", "a leased job is armed again", "ARM_LEASED", "VERSION_PLUS_ONE"),
    _row("R7", "reap and retry arm nothing", "NO_R7", "ONE_NARROW_ROW"),
    _row("R7", "… and R6 is not judged", "NO_R7 CHECK_ROWS=0", "NOT_STUCK"),
    _row("R8", "what was not acknowledged is not sent again", f"NO_R8 {_ALONE}", "NOT_STUCK"),
    _row("R8", "… and somebody reconciles", "NO_R8"),
    _row("R8", "an overtaken request claims", f"R8_OVERTAKEN_CLAIMS {_ALONE}", "NOT_STUCK"),
    _row("R16", "no deadline on the server's side", "NO_R16", "NOT_STUCK"),
    _row("R20", "a reap forgets the cancel", "NO_R20_REAP CANCELS", "CANCEL_KEPT"),
    _row(
        "R20",
        "a release of a held job forgets it",
        "NO_R20_RELEASE CANCELS RELEASES",
        "CANCEL_KEPT",
    ),
    _row("R20", "an end forgets it", "NO_R20_END CANCELS MAX_ATTEMPTS=2", "CANCEL_KEPT"),
    _row("R28", "a dead node decides its record", f"NO_R28 {_ALONE}", "NOT_STUCK"),
    _row("R28", "… and somebody reconciles", "NO_R28"),
    _row("", "no reaper", "NO_REAPER", "NOT_STUCK"),
    _row("R21", "no reconciler", "NO_RECONCILE", "NOT_STUCK"),
    _row("", "no expiry", f"NO_EXPIRE EXPIRES {_ONE} FAULTS=0", LIVELOCK, "live"),
    _row("", "an end is not fenced", "STALE_FINISH", "ONLY_THE_GRANT_ENDS"),
    _row("", "an end is fenced by its node alone", f"STALE_FINISH_NODE FAULTS=2 {_ONE}"),
    _row("", "a release is not fenced", "RELEASE_UNFENCED", "ONLY_THE_GRANT_IS_RELEASED"),
    _row(
        "R7",
        "a release of a held job keeps its attempt",
        "RELEASE_KEEPS_ATTEMPT RELEASES",
        "STARTS_ONCE",
    ),
    _row("", "a held job is rescheduled", "MOVE_HELD MOVES", "NEVER_EARLY"),
    _row("", "offsets before the decision", f"COMMIT_FIRST {_ALONE}", "NOT_STUCK"),
    _row("", "… and somebody reconciles", "COMMIT_FIRST"),
    _row(
        "",
        "a pause forgets what is claimed",
        f"PAUSE_FORGETS PAUSES {_ALONE} CHECK_WASTE=0",
        "NOT_STUCK",
    ),
    _row(
        "R23",
        "what was declined is never taken again",
        "DECLINE_REMEMBERED DECLINES WORKERS=1 FAULTS=0",
        LIVELOCK,
        "live",
    ),
)

ROWS = (*CONFIGURATIONS, *WITNESSES, *MUTANTS)
