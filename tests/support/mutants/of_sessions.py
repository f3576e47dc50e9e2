"""Mutants of clocks and sessions in shared/: R5."""

from tests.support.mutants.mutant import Mutant

CLOCK = "tests/unit/shared/test_clock.py"
SESSION = "tests/unit/shared/test_session.py"
RENEWER = "tests/unit/shared/test_renewer.py"
LAST = "tests/unit/worker/test_last_check.py"
LAPSED_GOES_ON = f"{SESSION}::test_a_lapsed_session_that_is_renewed_goes_on"

MUTANTS = (
    Mutant(
        "R5",
        "a stamp counts from the receipt of its reply",
        "shared/kernel/clock.py",
        "self._offsets.append((received, stamp_seconds - received))",
        "sent = received if asked_at is None else asked_at\n"
        "            self._offsets.append((received, stamp_seconds - sent))",
        (
            f"{CLOCK}::test_a_stamp_counts_from_the_receipt_of_its_reply",
            f"{RENEWER}::test_the_stamp_of_a_renewal_counts_from_its_receipt",
        ),
        LAPSED_GOES_ON,
    ),
    Mutant(
        "R5",
        "a clock that was set back forgets what was heard before",
        "shared/kernel/clock.py",
        "                    self._offsets.clear()\n",
        "                    pass\n",
        (f"{CLOCK}::test_a_step_back_of_the_database_clock_forgets_what_was_heard_before",),
        LAPSED_GOES_ON,
    ),
    Mutant(
        "R5",
        "due is judged by the database clock's lower bound, not by ours",
        "shared/kernel/clock.py",
        "        reached = self._best + self._now()\n",
        "        reached = datetime.now(UTC).timestamp()\n",
        (
            f"{LAST}::test_nothing_begins_before_the_bound_of_the_database_clock_reached_its_due_time",
        ),
        LAPSED_GOES_ON,
    ),
    Mutant(
        "R5",
        "a renewal counts from before it was asked",
        "shared/runtime/session.py",
        "self._valid_until = max(self._valid_until, asked_at + ttl_seconds)",
        "self._valid_until = max(self._valid_until, self._now() + ttl_seconds)",
        (
            f"{SESSION}::test_a_renewal_counts_from_before_it_was_asked",
            f"{RENEWER}::test_a_renewal_counts_from_before_it_was_sent",
        ),
        LAPSED_GOES_ON,
    ),
    Mutant(
        "R5",
        "a session counts from before its registration was asked",
        "shared/runtime/session.py",
        "self._valid_until = registered_at + ttl_seconds",
        "self._valid_until = now() + ttl_seconds",
        (f"{SESSION}::test_a_session_counts_from_before_its_registration_was_asked",),
        f"{SESSION}::test_a_renewal_brings_the_ttl",
    ),
    Mutant(
        "R5",
        "a node that is dead is expired",
        "shared/runtime/session.py",
        "return self._dead.is_set() or self._now() >= self._valid_until",
        "return self._now() >= self._valid_until",
        (f"{LAST}::test_nothing_begins_under_a_dead_node",),
        LAPSED_GOES_ON,
    ),
    Mutant(
        "R4",
        "a main loop that hangs is not renewed for",
        "shared/runtime/session.py",
        "        if self._session.stalled():",
        "        if False:",
        (f"{RENEWER}::test_a_stalled_loop_gets_no_renewal",),
        LAPSED_GOES_ON,
    ),
)
