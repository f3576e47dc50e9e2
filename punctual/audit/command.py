"""The verb `punctual audit`."""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from punctual.audit import progress, where
from punctual.audit.judge import Judgement, judge
from punctual.audit.report import document, last_line, lines
from punctual.audit.snapshot import moment_of, open_snapshot
from punctual.audit.world import Terms
from punctual.cli.problems import DONE, NO, BadInput
from punctual.cli.show import to_standard_streams
from punctual.cli.values import moment
from shared.runtime.settings import Reconcile, Retention, ServiceSettings, SettingsProblem, load

_GROUP = Group("What and how", sort_key=90)


class _Settings(ServiceSettings):
    """What bounds the data, as job_service has it."""

    retention: Retention = Retention()
    reconcile: Reconcile = Reconcile()


def audit(
    *,
    database: Annotated[
        str | None,
        Parameter(group=_GROUP, help="Address of the database: postgresql://user@host:5432/name."),
    ] = None,
    profile: Annotated[
        str | None, Parameter(group=_GROUP, help="Profile of the profile file that names it.")
    ] = None,
    since: Annotated[
        str | None, Parameter(group=_GROUP, help="Judge only jobs made since then.")
    ] = None,
    json: Annotated[
        bool, Parameter(group=_GROUP, help="Answer with one JSON document, errors too.")
    ] = False,
) -> int:
    """Audit a deployment. The help stands with the names of the verbs, as `--help` must not wait for this."""
    show = to_standard_streams(as_json=json)
    place = where.find(database, profile, os.environ, _state_dir, _read)
    from_then = None if since is None else moment_of(moment(since))
    terms = _terms()
    show.line(f"audit of {place}")
    with progress.shown() as told:
        judgement = asyncio.run(run(place.url, str(place), terms, from_then, told))
    answer = document(judgement)
    for line in [] if json else lines(answer):
        show.line(line)
    show(answer, last_line(answer))
    return DONE if answer["ok"] else NO


async def run(
    url: str,
    place: str,
    terms: Terms,
    since: datetime | None,
    told: Callable[[int, int], None],
) -> Judgement:
    """Audit one database."""
    async with open_snapshot(url, place, since) as snapshot:
        return await judge(snapshot, terms, told)


def _terms() -> Terms:
    try:
        settings = load(_Settings)
    except SettingsProblem as problem:
        raise BadInput(str(problem)) from None
    return Terms(
        keep=timedelta(seconds=settings.retention.jobs),
        armed_again_after=timedelta(seconds=settings.reconcile.regardless_after),
    )


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _state_dir() -> Path:
    from punctual.local.stack import state_dir

    return state_dir()
