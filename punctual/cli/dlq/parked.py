"""The verbs on parked records: what was on the topic and is no dispatch."""

from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import App, Parameter

from punctual.cli.connection import HERE, Connection
from punctual.cli.problems import DONE, BadInput
from punctual.cli.show import Fields, Table, local

app = App(name="parked", help="Records on the topic that were no dispatch.")

PATH = "/api/v1/parked-records"

RecordId = Annotated[
    str, Parameter(name="RECORD", help="Its id, as punctual dlq parked list shows it.")
]


@app.command(name="list")
def list_parked(
    *,
    topic: Annotated[str | None, Parameter(help="Only of this topic.")] = None,
    partition: Annotated[int | None, Parameter(help="Only of this topic partition.")] = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 50,
    cursor: Annotated[
        str | None, Parameter(help="Go on where an earlier list ended: its nextCursor.")
    ] = None,
    to: Connection = HERE,
) -> int:
    """List parked records by topic, topic partition and offset."""
    if limit < 1:
        raise BadInput(f"--limit {limit}: write 1 or more.")
    given = (("topic", topic), ("topicPartition", None if partition is None else str(partition)))
    query = [(name, value) for name, value in given if value is not None]
    with to.open() as client:
        found, rest = client.page_through(PATH, query, most=limit, cursor=cursor)
    rows = [
        [one["recordId"], one["size"], local(one["parkedAt"], milliseconds=False), one["reason"]]
        for one in found
    ]
    table = Table(["RECORD", "BYTES", "PARKED", "REASON"], rows, "No record is parked.")
    to.show({"items": found, "nextCursor": rest}, table)
    if rest is not None:
        to.show.aside(f"there are more: --limit shows more of them, --cursor {rest} goes on here.")
    return DONE


@app.command
def show(record: RecordId, /, *, to: Connection = HERE) -> int:
    """Show a parked record with its bytes, as text where they are text."""
    with to.open() as client:
        found: dict[str, Any] = client.get(_path(record))
    text = found["text"]
    to.show(
        found,
        Fields(
            [
                ("record", found["recordId"]),
                ("topic", found["topic"]),
                ("partition", found["topicPartition"]),
                ("offset", found["offset"]),
                ("bytes", found["size"]),
                ("parked", local(found["parkedAt"])),
                ("reason", found["reason"]),
                ("text", text),
                ("base64", found["raw"] if text is None else None),
            ]
        ),
    )
    return DONE


@app.command
def drop(record: RecordId, /, *, to: Connection = HERE) -> int:
    """Drop a parked record for good."""
    with to.open() as client:
        client.delete(_path(record))
    to.show({"recordId": record, "dropped": True}, f"{record} is dropped.")
    return DONE


def _path(record: str) -> str:
    return f"{PATH}/{quote(record, safe='')}"
