"""The verbs on limits: how many jobs of a type or a key run at once, and how often they begin."""

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE, BadInput
from punctual.cli.show import Fields, Table, local
from punctual.cli.values import duration

app = App(name="limits", help="How many jobs run at once, and how often.")

PATH = "/api/v1/limits"

Name = Annotated[
    str,
    Parameter(name="NAME", help="type:HTTP_CALL, key:customer-42, or key:customer-* for all such."),
]


@app.command(name="list")
def list_limits(*, to: Connection = HERE) -> int:
    """List limits, by name."""
    with to.open() as client:
        found = client.items(PATH)
    rows = [
        [
            one["name"],
            one["maxRunning"],
            _rate(one["rate"]),
            one["running"],
            local(one["changedAt"], milliseconds=False),
        ]
        for one in found
    ]
    headings = ["LIMIT", "AT ONCE", "RATE", "RUNNING", "CHANGED"]
    to.show(found, Table(headings, rows, "Nothing is limited."))
    return DONE


@app.command(name="set")
def set_limit(
    name: Name,
    /,
    *,
    max_running: Annotated[
        int | None, Parameter(help="So many at once, over all workers; 0 lets none begin.")
    ] = None,
    rate: Annotated[
        str | None, Parameter(help="So many begin in any so long: 100/10s, 5/1m.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """Declare a limit, or change it. What runs goes on."""
    if max_running is None and rate is None:
        raise BadInput("give --max-running, --rate or both; punctual limits remove removes it.")
    body = {"maxRunning": max_running, "rate": None if rate is None else rate_of(rate)}
    with to.open() as client:
        limit = client.put(_path(name), body)
    to.show(limit, _one(limit))
    return DONE


@app.command
def remove(name: Name, /, *, to: Connection = HERE) -> int:
    """Remove a limit."""
    with to.open() as client:
        client.delete(_path(name))
    to.show({"name": name, "removed": True}, f"{name} is not limited.")
    return DONE


def rate_of(text: str) -> dict[str, Any]:
    """`100/10s` as the API has it.

    Raises:
        BadInput: it is written otherwise.
    """
    count, sign, time = text.partition("/")
    if not (sign and count.isascii() and count.isdigit()):
        raise BadInput(f"--rate {text!r}: write a number, a slash and a time, like 100/10s.")
    return {"count": int(count), "perSeconds": duration(time)}


def _rate(rate: dict[str, Any] | None) -> str | None:
    return None if rate is None else f"{rate['count']}/{rate['perSeconds']:g}s"


def _one(limit: dict[str, Any]) -> Fields:
    return Fields(
        [
            ("limit", limit["name"]),
            ("at once", limit["maxRunning"]),
            ("rate", _rate(limit["rate"])),
            ("running", limit["running"]),
            ("changed", local(limit["changedAt"])),
        ]
    )


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe=':')}"
