"""Which database is meant, and that none is guessed."""

from pathlib import Path

import pytest

from punctual.audit import where
from punctual.cli.problems import BadInput

CONFIG = "/home/ada/.config/punctual/config.toml"
PROD = (
    '[profiles.prod]\nurl = "https://prod.test"\ndatabase = "postgresql://u:secret@prod.test/p"\n'
)
DEFAULT = '[profiles.default]\nurl = "http://default.test"\n'
STACK = {"/state/endpoints.env": "KAFKA_KIND=apache\nDATABASE_URL=postgresql://local/punctual\n"}
ENVIRON = {"PUNCTUAL_DATABASE__URL": "postgresql+asyncpg://env.test/p"}


def find(
    database: str | None = None,
    profile: str | None = None,
    environ: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> where.Place:
    """Look, with these files and no others."""

    def read(file: Path) -> str:
        if str(file) not in (files or {}):
            raise FileNotFoundError(str(file))
        return (files or {})[str(file)]

    environ = {"HOME": "/home/ada", **(environ or {})}
    return where.find(database, profile, environ, lambda: Path("/state"), read)


def test_flags_go_before_the_environment_and_that_before_files() -> None:
    files = {CONFIG: PROD, **STACK}
    everything = {**ENVIRON, "PUNCTUAL_PROFILE": "prod"}
    assert find("postgresql://flag/p", "prod", everything, files).said_by == "--database"
    assert find(None, "prod", everything, files).url.endswith("@prod.test/p")
    assert find(None, None, everything, files).said_by == "PUNCTUAL_DATABASE__URL"
    assert "prod" in find(None, None, {"PUNCTUAL_PROFILE": "prod"}, files).said_by
    assert find(None, None, {}, files).url == "postgresql://local/punctual"


def test_a_password_is_not_shown() -> None:
    assert "secret" not in str(find(None, "prod", {}, {CONFIG: PROD}))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "Which database"),
        ({"database": "http://x"}, "--database is no address"),
        ({"database": "postgresql://h:99999/x"}, "--database is no address"),
        ({"profile": "prod", "files": {CONFIG: DEFAULT}}, "database ="),
        ({"files": {CONFIG: DEFAULT, **STACK}}, "database ="),
        ({"environ": {"PUNCTUAL_DATABASE_URL": "x"}}, "PUNCTUAL_DATABASE__URL"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, dict[str, str]], word: str) -> None:
    """And the local stack is not taken for the deployment that a profile names."""
    with pytest.raises(BadInput, match=word):
        find(**given)  # type: ignore[arg-type]
