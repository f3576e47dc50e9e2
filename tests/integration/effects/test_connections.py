"""What a handler may bring as a connection, and what is refused with a reason."""

from typing import Literal
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from tests.integration.effects.conftest import ByAsyncpg, BySqlAlchemy, apply, attempt
from worker_service.effects.connections import adapted
from worker_service.effects.once import Token, once


async def test_what_is_no_connection_is_refused() -> None:
    with pytest.raises(TypeError, match="no connection for `once`"):
        async with once(object(), Token(uuid4(), 1, 1), "charge"):
            pytest.fail("without a connection")


async def test_a_connection_that_is_not_async_is_refused(handlers_database: str) -> None:
    """The sync one behind an AsyncConnection has the same methods, and nobody could await them."""
    async with BySqlAlchemy(handlers_database).connect() as connection:
        with pytest.raises(TypeError, match="no connection for `once`"):
            adapted(connection.sync_connection)


async def test_a_transaction_that_sqlalchemy_began_by_itself_is_refused(
    handlers_database: str,
) -> None:
    """It would be rolled back when the connection is closed, with the effect that the handler saw applied."""
    target, token = BySqlAlchemy(handlers_database), Token(uuid4(), 1, 1)
    async with target.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(ValueError, match=r"commit it before `once`"):
            async with once(connection, token, "charge"):
                pytest.fail("in a transaction that nobody commits")
        await connection.commit()
        async with once(connection, token, "charge"):
            await target.charge(connection, token.job_id)
    assert await target.charges() == 1


async def test_the_transaction_of_engine_begin_is_the_handlers(handlers_database: str) -> None:
    target, token = BySqlAlchemy(handlers_database), Token(uuid4(), 1, 1)
    engine = target.engine()
    async with engine.begin() as connection:
        await connection.execute(text("SELECT 1"))
        async with once(connection, token, "charge"):
            await target.charge(connection, token.job_id)
    await engine.dispose()
    assert await target.charges() == 1


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_in_a_stricter_transaction_who_comes_second_is_refused(
    handlers_database: str, isolation: Literal["repeatable_read", "serializable"]
) -> None:
    """Its snapshot may be older than what the other committed; PostgreSQL refuses it, and it is tried again."""
    target, job_id = ByAsyncpg(handlers_database), uuid4()

    async def second(raw: asyncpg.Connection) -> None:
        async with raw.transaction(isolation=isolation):
            await raw.fetchval("SELECT count(*) FROM charges")  # the snapshot
            assert await attempt(target, Token(job_id, 1, 1)) == {"by": 1}
            await apply(target, raw, Token(job_id, 1, 2))

    async with target.connect() as raw:
        with pytest.raises(asyncpg.SerializationError):
            await second(raw)
    assert await target.charges() == 1
    assert await attempt(target, Token(job_id, 1, 2)) == {"by": 1}
