"""What every verb takes: which server, how long to try, in which form to answer."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from punctual.cli import where
from punctual.cli.show import Show, to_standard_streams
from punctual.cli.values import duration

if TYPE_CHECKING:
    from punctual.cli.client import Client

RETRY_SECONDS = 10.0
_GROUP = Group("Connection and form", sort_key=90)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True)
class Connection:
    """The options that all verbs have in common."""

    url: Annotated[str | None, Parameter(help="Address of job_service.")] = None
    profile: Annotated[str | None, Parameter(help="Profile of the profile file.")] = None
    retry_for: Annotated[
        str | None,
        Parameter(
            help="How long to try again while the server cannot be reached or is busy [default: 10s]."
        ),
    ] = None
    json: Annotated[bool, Parameter(help="Answer with one JSON document, errors too.")] = False

    @contextmanager
    def open(self) -> Iterator["Client"]:
        """A client of the server that is meant.

        Raises:
            BadInput: nothing usable says which server that is.
        """
        place = where.find(self.url, self.profile, os.environ, _state_dir, _read)
        retry_for = RETRY_SECONDS if self.retry_for is None else duration(self.retry_for)
        # Not at the top: `--help` needs no HTTP.
        from punctual.cli.client import Client

        with Client(place, retry_for=retry_for) as client:
            yield client

    @property
    def show(self) -> Show:
        """Where the answer goes."""
        return to_standard_streams(as_json=self.json)


HERE = Connection()
"""The default of every verb."""


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _state_dir() -> Path:
    from punctual.local.stack import state_dir

    return state_dir()
