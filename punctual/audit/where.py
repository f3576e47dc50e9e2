"""Which database is meant. The first of these that is there:

1. `--database`
2. `--profile`, whose table in the profile file says `database = "postgresql://…"`
3. `PUNCTUAL_DATABASE__URL`, as job_service reads it
4. `PUNCTUAL_PROFILE`
5. the profile named `default`, if the file has one
6. `DATABASE_URL` of the local stack, if one is up

There is no address by default: an audit of the wrong database would be an answer about nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from punctual.cli.problems import BadInput
from punctual.cli.where import (
    DEFAULT_PROFILE,
    PROFILE_NAME,
    Read,
    config_file,
    endpoint,
    profiles,
    refuse_misspelt,
)

DATABASE_NAME = "PUNCTUAL_DATABASE__URL"
EXAMPLE = "postgresql://user@host:5432/punctual"


@dataclass(frozen=True)
class Place:
    """An address, and where it was found."""

    url: str
    said_by: str

    def __str__(self) -> str:
        """Without user and password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path} ({self.said_by})"


def find(
    database: str | None,
    profile: str | None,
    environ: Mapping[str, str],
    state_dir: Callable[[], Path],
    read: Read,
) -> Place:
    """The database that is meant.

    Raises:
        BadInput: nothing says which, or what says it is not what it should be.
    """
    refuse_misspelt(environ)
    if database:
        return _place(database, "--database")
    if profile:
        return _of_profile(profile, "--profile", environ, read)
    if environ.get(DATABASE_NAME):
        return _place(environ[DATABASE_NAME], DATABASE_NAME)
    if environ.get(PROFILE_NAME):
        return _of_profile(environ[PROFILE_NAME], PROFILE_NAME, environ, read)
    if DEFAULT_PROFILE in profiles(config_file(environ), read):
        return _of_profile(DEFAULT_PROFILE, "the default profile", environ, read)
    file = state_dir() / "endpoints.env"
    url = endpoint("DATABASE_URL", file, read)
    if url is None:
        raise BadInput(f"Which database? Give --database {EXAMPLE}, or set {DATABASE_NAME}.")
    return _place(url, str(file))


def _of_profile(name: str, said_by: str, environ: Mapping[str, str], read: Read) -> Place:
    file = config_file(environ)
    found = profiles(file, read).get(name)
    url = found.get("database") if isinstance(found, dict) else None
    if not isinstance(url, str):
        raise BadInput(
            f'{said_by}: [profiles.{name}] of {file} needs a line database = "{EXAMPLE}" for an audit.'
        )
    return _place(url, f"profile {name} of {file}")


def _place(url: str, said_by: str) -> Place:
    try:
        parts = urlsplit(url)
        good = parts.scheme.partition("+")[0] in {"postgresql", "postgres"} and parts.port != 0
    except ValueError:
        good = False
    if not good or any(not c.isprintable() or c.isspace() for c in url):
        raise BadInput(f"{said_by} is no address of a database: write it like {EXAMPLE}.")
    return Place(url, said_by)
