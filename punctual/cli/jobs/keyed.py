"""Creations: with an idempotency key in any case, so that a second try after a lost answer is safe."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from punctual.cli import values
from punctual.cli.problems import Busy, Unanswered

if TYPE_CHECKING:
    from punctual.cli.client import Client

Key = Annotated[
    str | None,
    Parameter(help="Idempotency key: the same key and request again makes no second job."),
]


def post_with_key(client: "Client", path: str, body: Any, key: str | None) -> dict[str, Any]:
    """The job that was made under this key, or under a new one where there is none.

    Raises:
        CliProblem: where it may have been made all the same, the text names the key.
    """
    key = values.key(key, lambda: uuid4().hex)
    try:
        job: dict[str, Any] = client.post(path, body, key=key)
    except (Unanswered, Busy) as problem:
        problem.add(
            f"It may have been created: the same command with --key {key} makes no second one."
        )
        raise
    return job
