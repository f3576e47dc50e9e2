"""The verbs on job types."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE
from punctual.cli.show import Table, local
from punctual.cli.values import type_path

app = App(name="type", help="Job types: what workers can run.")

TypeName = Annotated[str, Parameter(help="Name of the job type, as punctual type list shows it.")]


@app.command(name="list")
def list_types(*, to: Connection = HERE) -> int:
    """List the job types that workers have declared."""
    with to.open() as client:
        types = client.items("/api/v1/job-types")
    headings = ["TYPE", "STATE", "PAUSED SINCE", "WORKERS", "TIMEOUT"]
    rows = [_row(one) for one in types]
    to.show(types, Table(headings, rows, "No worker has declared a type yet."))
    return DONE


@app.command
def pause(job_type: TypeName, /, *, to: Connection = HERE) -> int:
    """Claim no job of a type until it is resumed; what runs goes on."""
    return _ask(job_type, "pause", to)


@app.command
def resume(job_type: TypeName, /, *, to: Connection = HERE) -> int:
    """Claim jobs of a type again."""
    return _ask(job_type, "resume", to)


def _ask(job_type: str, verb: str, to: Connection) -> int:
    with to.open() as client:
        data = client.post(f"{type_path(job_type)}/{verb}", repeatable=True)
    to.show(data, f"{job_type} is {verb}d.")
    return DONE


def _row(one: dict[str, Any]) -> list[Any]:
    paused = local(one.get("pausedAt"), milliseconds=False)
    limit = (one.get("limits") or {}).get("timeoutSeconds")
    return [
        one.get("name"),
        "active" if paused is None else "paused",
        paused,
        one.get("liveWorkers"),
        None if limit is None else f"{limit:g} s",
    ]
