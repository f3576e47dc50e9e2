"""An effect is applied once for each job and name, whatever is tried again: on PostgreSQL by each kind of
connection, and in the memory of the testing kit, which must do the same.
"""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.effects.conftest import Target, apply, attempt
from worker_service.effects.once import (
    MAX_RESULT_BYTES,
    LedgerBusy,
    StaleToken,
    Token,
    once,
)

SOON_SECONDS = 0.2
LIMIT_SECONDS = 20


async def test_a_later_attempt_is_handed_the_result(target: Target) -> None:
    job_id = uuid4()
    first = await attempt(target, Token(job_id, 1, 1))
    again = await attempt(target, Token(job_id, 1, 1))
    later = await attempt(target, Token(job_id, 1, 5))
    assert first == again == later == {"by": 1}
    assert await target.charges() == 1
    assert await attempt(target, Token(uuid4(), 1, 1)) == {"by": 1}
    assert await target.charges() == 2, "another job has an effect of its own"
    assert await attempt(target, Token(job_id, 1, 5), name="mail") == {"by": 5}
    assert await target.charges() == 3, "another name is another effect"


async def test_two_effects_on_one_connection(target: Target) -> None:
    """Each is committed at the end of its block."""
    token = Token(uuid4(), 1, 1)
    async with target.connect() as connection:
        for name in ("charge", "mail"):
            async with once(connection, token, name) as effect:
                assert effect.fresh
                await target.charge(connection, token.job_id)
            assert effect.result is None
    assert await target.charges() == 2


async def test_what_fails_leaves_nothing(target: Target) -> None:
    token = Token(uuid4(), 1, 1)
    async with target.connect() as connection:
        with pytest.raises(ZeroDivisionError):
            await apply(target, connection, token, keep="fail")
    assert await target.charges() == 0
    assert await attempt(target, token) == {"by": 1}


async def test_what_is_cancelled_leaves_nothing(target: Target) -> None:
    token, begun = Token(uuid4(), 1, 1), asyncio.Event()

    async def cut() -> None:
        async with target.connect() as connection, once(connection, token, "charge"):
            await target.charge(connection, token.job_id)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(cut())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await target.charges() == 0
    assert await attempt(target, token) == {"by": 1}


@pytest.mark.parametrize(("epoch", "number"), [(1, 2), (0, 9)])
async def test_a_stale_token_is_refused(target: Target, epoch: int, number: int) -> None:
    """R22: by its attempt, or by its epoch, whatever its attempt; for another name and for the same."""
    job_id = uuid4()
    await attempt(target, Token(job_id, 1, 3))
    async with target.connect() as connection:
        for name in ("mail", "charge"):
            with pytest.raises(StaleToken, match=f"attempt {number}"):
                async with once(connection, Token(job_id, epoch, number), name):
                    pytest.fail("the body of a stale attempt")
    assert await attempt(target, Token(job_id, 1, 3)) == {"by": 3}


async def test_a_first_attempt_of_a_later_epoch_is_newer(target: Target) -> None:
    """R22: after a promotion attempts may begin anew."""
    job_id = uuid4()
    await attempt(target, Token(job_id, 1, 7))
    assert await attempt(target, Token(job_id, 2, 1)) == {"by": 7}
    with pytest.raises(StaleToken):
        await attempt(target, Token(job_id, 1, 8))


async def test_an_attempt_that_only_asked_fences_the_older(target: Target) -> None:
    """R22: what is there already is handed out, and whoever asked for it counts as here."""
    job_id = uuid4()
    await attempt(target, Token(job_id, 1, 1))
    await attempt(target, Token(job_id, 1, 3))
    with pytest.raises(StaleToken):
        await attempt(target, Token(job_id, 1, 2))


async def test_a_failed_block_fences_nobody(target: Target) -> None:
    job_id = uuid4()
    with pytest.raises(ZeroDivisionError):
        async with target.connect() as connection, once(connection, Token(job_id, 1, 5), "charge"):
            raise ZeroDivisionError
    assert await attempt(target, Token(job_id, 1, 4)) == {"by": 4}


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (1, 1)])
async def test_two_attempts_at_once_apply_it_once(target: Target, first: int, second: int) -> None:
    """R22: the one that comes second waits for the first; it is handed what that kept, or is stale."""
    job_id = uuid4()
    begun, go = asyncio.Event(), asyncio.Event()

    async def earlier() -> None:
        token = Token(job_id, 1, first)
        async with target.connect() as connection, once(connection, token, "charge") as effect:
            await target.charge(connection, job_id)
            effect.keep({"by": first})
            begun.set()
            await go.wait()

    task = asyncio.create_task(earlier())
    await begun.wait()
    other = asyncio.create_task(attempt(target, Token(job_id, 1, second)))
    done, _ = await asyncio.wait([other], timeout=SOON_SECONDS)
    assert not done, "it waits"
    go.set()
    await task
    if second < first:
        with pytest.raises(StaleToken):
            await other
    else:
        assert await other == {"by": first}
    assert await target.charges() == 1


async def test_many_attempts_at_once_apply_it_once(target: Target) -> None:
    """R22: in whatever order they come, those that are not stale all get what one kept."""
    job_id = uuid4()
    tokens = [Token(job_id, 1, number) for number in (1, 2, 3, 3, 2, 1)]
    async with asyncio.timeout(LIMIT_SECONDS):
        found = await asyncio.gather(*(attempt(target, t) for t in tokens), return_exceptions=True)
    assert await target.charges() == 1
    handed = [answer for answer in found if not isinstance(answer, BaseException)]
    assert handed
    assert all(answer == handed[0] for answer in handed)
    assert {type(a) for a in found if isinstance(a, BaseException)} <= {StaleToken}


async def test_who_waits_too_long_is_told(target: Target) -> None:
    """Also the block inside a block on another connection, which would wait for itself for ever."""
    token = Token(uuid4(), 1, 1)
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        target.connect() as connection,
        target.connect() as other,
        once(connection, token, "charge"),
    ):
        await target.charge(connection, token.job_id)
        with pytest.raises(LedgerBusy, match=r"did not end within 0\.2 s"):
            async with once(other, token, "mail", wait_seconds=SOON_SECONDS):
                pytest.fail("inside another transaction's")
    assert await target.charges() == 1, "the outer block is whole"
    assert await attempt(target, token, name="mail") == {"by": 1}


async def test_a_block_in_a_block_of_another_name(target: Target) -> None:
    """On one connection the inner one is a savepoint in the outer."""
    token = Token(uuid4(), 1, 1)
    async with target.connect() as connection, once(connection, token, "charge"):
        await target.charge(connection, token.job_id)
        with pytest.raises(ZeroDivisionError):
            await apply(target, connection, token, "mail", keep="fail")
    assert await target.charges() == 1
    assert await attempt(target, token, name="mail") == {"by": 1}
    assert await target.charges() == 2


async def test_a_block_in_a_block_of_the_same_name_takes_both_back(target: Target) -> None:
    """Nobody can say which of the two it was."""
    token = Token(uuid4(), 1, 1)

    async def twice(connection: Any) -> None:
        async with once(connection, token, "charge"):
            await apply(target, connection, token)

    async with target.connect() as connection:
        with pytest.raises(Exception, match=r"duplicate key|was applied"):
            await twice(connection)
    assert await target.charges() == 0
    assert await attempt(target, token) == {"by": 1}


async def test_in_a_transaction_of_the_handler_it_counts_with_that(target: Target) -> None:
    token = Token(uuid4(), 1, 1)

    async def inside(connection: Any, *, fail: bool) -> None:
        async with target.transaction(connection):
            await apply(target, connection, token, keep={"by": 1})
            if fail:
                raise ZeroDivisionError

    async with target.connect() as connection:
        with pytest.raises(ZeroDivisionError):
            await inside(connection, fail=True)
        assert await target.charges() == 0
        await inside(connection, fail=False)
    assert await target.charges() == 1
    assert await attempt(target, token) == {"by": 1}


async def test_each_attempt_sees_the_result_in_one_form(target: Target) -> None:
    """As JSON gives it back, from the first attempt on; what the handler does to it later changes nothing."""
    token = Token(uuid4(), 1, 1)
    kept = {"pair": (1, 2.0), 7: "ß \0 \ud800", "none": None}
    async with target.connect() as connection, once(connection, token, "charge") as effect:
        effect.keep(kept)
        kept["pair"] = "changed"
    expected = {"pair": [1, 2.0], "7": "ß \0 \ud800", "none": None}
    assert effect.result == expected
    assert await attempt(target, token) == expected


async def test_what_it_cannot_keep_is_said_and_nothing_is_applied(target: Target) -> None:
    token = Token(uuid4(), 1, 1)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    said = r"bytes as JSON|not JSON compliant|too deep"
    async with target.connect() as connection:
        for wrong in ("x" * MAX_RESULT_BYTES, float("nan"), deep):
            with pytest.raises(ValueError, match=said):
                await apply(target, connection, token, keep=wrong)
        with pytest.raises(TypeError, match="not JSON serializable"):
            await apply(target, connection, token, keep=object())
    assert await target.charges() == 0


async def test_a_result_is_kept_inside_the_block_and_by_the_first_only(target: Target) -> None:
    token = Token(uuid4(), 1, 1)
    async with target.connect() as connection:
        async with once(connection, token, "charge") as effect:
            effect.keep("x" * (MAX_RESULT_BYTES - 2))
        with pytest.raises(ValueError, match="inside the block"):
            effect.keep("late")
        async with once(connection, token, "charge") as again:
            with pytest.raises(ValueError, match="was applied before"):
                again.keep("other")
    assert len(again.result) == MAX_RESULT_BYTES - 2


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b"])
async def test_a_name_that_is_none_is_refused(target: Target, name: str) -> None:
    async with target.connect() as connection:
        with pytest.raises(ValueError, match="an effect's name"):
            async with once(connection, Token(uuid4(), 1, 1), name):
                pytest.fail("without a name")
