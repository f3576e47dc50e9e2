"""The stores of job_service on one connection of the test's own, inside whatever transaction is open there."""

from typing import TypeVar

from job_service.postgres.database import Database, Raw, Unit

T = TypeVar("T")


class OneConnection(Database):
    """Runs every unit on one given connection, inside whatever transaction is open there."""

    def __init__(self, raw: Raw) -> None:
        self._raw_connection = raw

    async def run(self, unit: Unit[T]) -> T:
        return await unit(self._raw_connection)

    async def transaction(self, unit: Unit[T]) -> T:
        return await unit(self._raw_connection)
