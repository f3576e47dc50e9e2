"""Whether the database answers and has the schema that this code knows."""

from job_service.postgres.database import Database
from shared.runtime.log import get

HEAD = "0008"


async def database_problem(database: Database) -> str | None:
    """What is wrong with the database, in a sentence; None when all is well."""
    try:
        found = await database.run(
            lambda raw: raw.fetchval("SELECT version_num FROM alembic_version")
        )
    except Exception as error:
        get(__name__).debug("not ready", error=repr(error)[:200])
        return "PostgreSQL does not answer"
    if found < HEAD:
        wanted = f"the schema is at {found}, this service needs {HEAD} or newer"
        return f"{wanted}: run python -m job_service migrate"
    return None
