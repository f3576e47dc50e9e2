"""How the table of bad input is built: one request, and the answer that it must get."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.contract import FAR, JOBS

TYPES, NODES, EXECUTIONS = "/api/v1/job-types", "/api/v1/nodes", "/api/v1/executions"
WAITING = "/api/v1/jobs/{waiting}"
"""The path of a job that is due in a long time; the test fills its id in."""
NO_SUCH = "019a9b1c-0d6e-7c3f-a2b4-5d6e7f809102"
JSON_TYPE = "application/json"
MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One request; its path is sent as it is, byte by byte."""

    name: str
    status: int
    slug: str
    method: str = "POST"
    path: str = JOBS
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    service: str = "job"

    def __str__(self) -> str:
        return self.name


@dataclass
class Table:
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, /, status: int, slug: str = "validation", **how: Any) -> None:
        self.cases.append(Case(name, status, slug, **how))

    def body(
        self, name: str, body: bytes, status: int, slug: str = "validation", **how: Any
    ) -> None:
        """A request with these bytes, declared as JSON."""
        headers = (("content-type", JSON_TYPE), *how.pop("headers", ()))
        self.add(name, status, slug, body=body, headers=headers, **how)

    def create(self, what: str, /, slug: str = "validation", **fields: Any) -> None:
        """A create that is good but for these fields."""
        self.body(f"create: {what}", dumped(a_create(**fields)), 422, slug)

    def get(
        self, name: str, path: str, status: int = 422, slug: str = "validation", **how: Any
    ) -> None:
        self.add(name, status, slug, method="GET", path=path, **how)


def a_create(**fields: Any) -> dict[str, Any]:
    """A create that fits, but for these fields."""
    return {"name": "bad input", "jobType": "DUMMY", "scheduledTime": FAR, **fields}


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def with_raw(name: str, text: str) -> bytes:
    """A create whose field `name` has this text for its value, whether that is JSON or not."""
    return dumped(a_create(**{name: "@@"})).replace(b'"@@"', text.encode())
