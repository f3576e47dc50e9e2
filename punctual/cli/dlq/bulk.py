"""The verbs that change dead letters: one by its id, or all that match as a bulk action."""

from typing import Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from punctual.cli import values
from punctual.cli.connection import HERE, Connection
from punctual.cli.dlq.actions import PATH, Watch, one_action, verdict
from punctual.cli.dlq.filters import ALL, Letters
from punctual.cli.jobs.change import ask
from punctual.cli.jobs.keyed import Key
from punctual.cli.problems import DONE, BadInput, Busy, Unanswered

OneJob = Annotated[str | None, Parameter(name="JOB", help="The id of one job.")]
Everything = Annotated[bool, Parameter(name="--all", help="All dead letters there are.")]
DryRun = Annotated[bool, Parameter(help="Only find them: punctual dlq jobs lists what was found.")]
Most = Annotated[int | None, Parameter(help="So many jobs at most, the newest.")]


def retry(
    job_id: OneJob = None,
    /,
    *,
    which: Letters = ALL,
    everything: Everything = False,
    dry_run: DryRun = False,
    most: Most = None,
    watch: Watch = False,
    key: Key = None,
    to: Connection = HERE,
) -> int:
    """Run dead letters again, now, with one more attempt allowed.

    One by its id; or all that match, as a bulk action that goes on whether
    this command does or not. A job that fails again is not retried again.
    """
    if job_id is not None:
        return _one(job_id, "retry", which, everything, to)
    return _many("retry", which, everything, dry_run, most, watch, key, to)


def abandon(
    job_id: OneJob = None,
    /,
    *,
    which: Letters = ALL,
    everything: Everything = False,
    dry_run: DryRun = False,
    most: Most = None,
    watch: Watch = False,
    key: Key = None,
    to: Connection = HERE,
) -> int:
    """Give dead letters up for good: one by its id, or all that match."""
    if job_id is not None:
        return _one(job_id, "abandon", which, everything, to)
    return _many("abandon", which, everything, dry_run, most, watch, key, to)


def _one(job_id: str, verb: str, which: Letters, everything: bool, to: Connection) -> int:
    if everything or which.body():
        raise BadInput("one job or all that match: give an id, or a filter, or --all.")
    ask(job_id, verb, to)
    return DONE


def _many(
    verb: str,
    which: Letters,
    everything: bool,
    dry_run: bool,
    most: int | None,
    watch: bool,
    key: str | None,
    to: Connection,
) -> int:
    chosen = which.body()
    if bool(chosen) == everything:
        raise BadInput("say which dead letters: an id, or a filter, or --all for all there are.")
    body: dict[str, Any] = {"action": verb, "filter": chosen, "dryRun": dry_run}
    if most is not None:
        body["mostJobs"] = most
    key = values.key(key, lambda: uuid4().hex)
    with to.open() as client:
        try:
            action = client.post(PATH, body, key=key)
        except (Unanswered, Busy) as problem:
            problem.add(
                f"It may have begun: the same command with --key {key} begins no second one."
            )
            raise
        if watch:
            from punctual.cli.dlq.follow import follow

            action = follow(client, action, to.show)
    to.show(action, one_action(action))
    if not watch:
        to.show.aside(f"punctual dlq status {action['bulkActionId']} --watch follows it.")
        return DONE
    return verdict(action, to.show)
