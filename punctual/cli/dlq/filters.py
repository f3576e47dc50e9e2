"""Which dead letters are meant: the options that the verbs on them have in common."""

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from punctual.cli import values

_GROUP = Group("Which dead letters", sort_key=80)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True)
class Letters:
    """All that is given must hold."""

    job_type: Annotated[str | None, Parameter(name="--type", help="Only of this job type.")] = None
    reason: Annotated[
        str | None, Parameter(help="Only with this reason: failed, timeout, poison, …")
    ] = None
    name: Annotated[str | None, Parameter(help="Only names that begin so.")] = None
    label: Annotated[
        list[str] | None, Parameter(help="Only with this key=value; may come again.")
    ] = None
    created_from: Annotated[str | None, Parameter(help="Created at this time or later.")] = None
    created_to: Annotated[str | None, Parameter(help="Created at this time or earlier.")] = None
    finished_from: Annotated[str | None, Parameter(help="Failed at this time or later.")] = None
    finished_to: Annotated[str | None, Parameter(help="Failed at this time or earlier.")] = None

    def body(self) -> dict[str, Any]:
        """As the body of a bulk action has it; empty where nothing is given."""
        return {
            name: value
            for name, value in (
                *self._texts(),
                ("labels", values.labels(self.label or [])),
            )
            if value
        }

    def query(self) -> list[tuple[str, str]]:
        """As the query of a list has it."""
        found = [(name, value) for name, value in self._texts() if value is not None]
        return [
            *found,
            *(("label", f"{k}:{v}") for k, v in values.labels(self.label or []).items()),
        ]

    def _texts(self) -> list[tuple[str, str | None]]:
        times = {
            "createdFrom": self.created_from,
            "createdTo": self.created_to,
            "finishedFrom": self.finished_from,
            "finishedTo": self.finished_to,
        }
        return [
            ("jobType", self.job_type),
            ("reason", self.reason),
            ("name", self.name),
            *((name, None if at is None else values.moment(at)) for name, at in times.items()),
        ]


ALL = Letters()
"""The default: nothing is narrowed."""
