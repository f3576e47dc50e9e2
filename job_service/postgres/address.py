"""The address of the database as SQLAlchemy wants it."""

import re


def driver_url(url: str) -> str:
    """The address in SQLAlchemy's form: `postgresql+asyncpg://…`."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+asyncpg://", url)
