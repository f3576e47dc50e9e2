"""The verbs on bulk actions."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE, NO, BadInput
from punctual.cli.show import Fields, Show, Table, local

PATH = "/api/v1/bulk-actions"
COUNTS = ("matched", "done", "skipped", "failed", "left")

ActionId = Annotated[str, Parameter(name="ACTION", help="The bulk action's id.")]
Watch = Annotated[bool, Parameter(name="--watch", help="Stay until it has ended, with progress.")]
Outcome = Annotated[
    str | None, Parameter(help="Only those that were done, skipped, failed, or are left.")
]


def actions(
    *, limit: Annotated[int, Parameter(help="How many at most.")] = 50, to: Connection = HERE
) -> int:
    """List bulk actions, newest first."""
    if limit < 1:
        raise BadInput(f"--limit {limit}: write 1 or more.")
    with to.open() as client:
        found, _ = client.page_through(PATH, [], most=limit, cursor=None)
    rows = [
        [
            one["bulkActionId"],
            one["action"],
            "dry run" if one["dryRun"] else None,
            one["state"],
            *(one[name] for name in COUNTS),
            local(one["createdAt"], milliseconds=False),
        ]
        for one in found
    ]
    headings = ["ACTION", "VERB", "MODE", "STATE", *map(str.upper, COUNTS), "BEGUN"]
    to.show(found, Table(headings, rows, "No bulk action was begun."))
    return DONE


def status(action_id: ActionId, /, *, watch: Watch = False, to: Connection = HERE) -> int:
    """Show how far a bulk action is.

    With --watch the exit code says how it ended: 1 if it was stopped or a
    job failed.
    """
    path = f"{PATH}/{known(action_id)}"
    with to.open() as client:
        action = client.get(path)
        if watch:
            from punctual.cli.dlq.follow import follow

            action = follow(client, action, to.show)
    to.show(action, one_action(action))
    return verdict(action, to.show) if watch else DONE


def jobs(
    action_id: ActionId,
    /,
    *,
    outcome: Outcome = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 50,
    to: Connection = HERE,
) -> int:
    """Show what became of each job that matched, newest first."""
    if limit < 1:
        raise BadInput(f"--limit {limit}: write 1 or more.")
    query = [] if outcome is None else [("outcome", outcome.lower())]
    path = f"{PATH}/{known(action_id)}/jobs"
    with to.open() as client:
        found, rest = client.page_through(path, query, most=limit, cursor=None)
    rows = [[one["jobId"], one["outcome"], one["note"]] for one in found]
    to.show({"items": found, "nextCursor": rest}, Table(["JOB", "OUTCOME", "NOTE"], rows, "None."))
    if rest is not None:
        to.show.aside("there are more: --limit shows more of them.")
    return DONE


def stop(action_id: ActionId, /, *, to: Connection = HERE) -> int:
    """End a bulk action where it is; what it has done stays done."""
    with to.open() as client:
        action = client.post(f"{PATH}/{known(action_id)}/stop", repeatable=True)
    to.show(action, one_action(action))
    return DONE


def one_action(action: Mapping[str, Any]) -> Fields:
    """All of an action that says something."""
    chosen = ", ".join(f"{name}={value}" for name, value in action["filter"].items())
    return Fields(
        [
            ("action", action["bulkActionId"]),
            ("verb", action["action"] + (" (dry run)" if action["dryRun"] else "")),
            ("filter", chosen or "all dead letters"),
            ("state", action["state"]),
            *((name, action[name]) for name in COUNTS),
            ("begun", local(action["createdAt"])),
            ("ended", local(action["finishedAt"])),
        ]
    )


def verdict(action: Mapping[str, Any], show: Show) -> int:
    """The exit code of an action that has ended."""
    if action["state"] == "done" and not action["failed"]:
        return DONE
    show.aside(
        f"the action is {action['state']}, {action['failed']} jobs failed"
        f" (punctual dlq jobs {action['bulkActionId']} tells which)."
    )
    return NO


def known(text: str) -> str:
    """The id in the form that the API writes."""
    try:
        return str(UUID(text))
    except ValueError:
        raise BadInput(
            f"{text!r} is no id of a bulk action: punctual dlq actions shows them."
        ) from None
