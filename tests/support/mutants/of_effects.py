"""Mutants of the effect ledger: R22, and that an effect and its entry are one."""

from tests.support.mutants.mutant import Mutant

ONCE = "worker_service/effects/once.py"
TESTS = "tests/integration/effects/test_once.py"
CONNECTIONS = "tests/integration/effects/test_connections.py"
A_FAILURE = f"{TESTS}::test_what_fails_leaves_nothing"

MUTANTS = (
    Mutant(
        "R22",
        "an older attempt writes nothing once a newer one was there",
        ONCE,
        "WHERE (e.epoch, e.attempt) <= (excluded.epoch, excluded.attempt)\n",
        "",
        (
            f"{TESTS}::test_a_stale_token_is_refused[asyncpg-1-2]",
            f"{TESTS}::test_an_attempt_that_only_asked_fences_the_older[sqlalchemy]",
        ),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "tokens are ordered by epoch first",
        ONCE,
        "WHERE (e.epoch, e.attempt) <= (excluded.epoch, excluded.attempt)\n",
        "WHERE e.attempt <= excluded.attempt\n",
        (
            f"{TESTS}::test_a_stale_token_is_refused[asyncpg-0-9]",
            f"{TESTS}::test_a_first_attempt_of_a_later_epoch_is_newer[asyncpg]",
        ),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "whoever passes the fence raises it",
        ONCE,
        "DO UPDATE SET epoch = excluded.epoch, attempt = excluded.attempt\n",
        "DO UPDATE SET epoch = e.epoch, attempt = e.attempt\n",
        (f"{TESTS}::test_an_attempt_that_only_asked_fences_the_older[asyncpg]",),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "the ledger is read after the fence was passed",
        ONCE,
        "        await _pass_fence(database, token, wait_seconds)\n"
        "        known = await database.row(KNOWN, token.job_id, name)\n",
        "        known = await database.row(KNOWN, token.job_id, name)\n"
        "        await _pass_fence(database, token, wait_seconds)\n",
        (f"{TESTS}::test_two_attempts_at_once_apply_it_once[asyncpg-1-2]",),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "an effect and its entry are one transaction",
        ONCE,
        "    async with database.transaction():\n",
        "    if True:\n",
        (
            f"{TESTS}::test_what_fails_leaves_nothing[asyncpg]",
            f"{TESTS}::test_what_is_cancelled_leaves_nothing[asyncpg]",
        ),
        f"{TESTS}::test_a_later_attempt_is_handed_the_result[asyncpg]",
    ),
    Mutant(
        "R22",
        "what was applied is entered",
        ONCE,
        "        await database.row(APPLIED, token.job_id, name, token.epoch, token.attempt, kept)\n",
        "",
        (f"{TESTS}::test_a_later_attempt_is_handed_the_result[asyncpg]",),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "the wait for another transaction is bounded",
        ONCE,
        "async with asyncio.timeout(wait_seconds):",
        "async with asyncio.timeout(None):",
        (f"{TESTS}::test_who_waits_too_long_is_told[memory]",),
        A_FAILURE,
    ),
    Mutant(
        "R22",
        "no effect is applied in a transaction that nobody commits",
        "worker_service/effects/connections.py",
        "if _began_by_itself(connection):",
        "if False:",
        (f"{CONNECTIONS}::test_a_transaction_that_sqlalchemy_began_by_itself_is_refused",),
        A_FAILURE,
    ),
)
