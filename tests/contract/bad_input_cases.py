"""What a careless or hostile client may send to the public endpoints of the three services, and the answer
that each of it must get."""

from collections.abc import Iterable
from typing import Any

from tests.contract.bad_input_creates import CREATES
from tests.contract.bad_input_table import (
    EXECUTIONS,
    JSON_TYPE,
    MIB,
    NO_SUCH,
    NODES,
    TYPES,
    WAITING,
    Case,
    Table,
    a_create,
    dumped,
)
from tests.support.contract import BATCH, JOBS


def cases() -> list[Case]:
    """All of them."""
    table = Table()
    for part in (*CREATES, *OTHERS):
        part(table)
    return table.cases


def _named(values: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return values.items()


def _media_and_size(table: Table) -> None:
    good = dumped(a_create())
    for media in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "json",
        ";",
        "",
    ):
        headers = (("content-type", media),)
        table.add(f"create: as {media!r}", 415, "unsupported-media", body=good, headers=headers)
    multipart = (("content-type", "multipart/form-data; boundary=x"),)
    table.add(
        "create: as a form with parts", 415, "unsupported-media", body=good, headers=multipart
    )
    table.add("create: of no declared type", 415, "unsupported-media", body=good)
    state: dict[str, Any] = {
        "method": "PATCH",
        "path": f"{WAITING}/state",
        "body": b'{"status": "CANCELLED"}',
    }
    table.add("state: of no declared type", 415, "unsupported-media", **state)
    large = dumped(a_create(payload="p" * 5 * MIB))
    table.body("create: 5 MB", large, 413, "too-large")
    table.body("create: a byte over 1 MiB", b" " * (MIB + 1), 413, "too-large")
    table.body("batch: over 8 MiB", b" " * (8 * MIB + 1), 413, "too-large", path=BATCH)
    for path in (f"{WAITING}/state", WAITING):
        table.body(f"PATCH {path}: 5 MB", large, 413, "too-large", method="PATCH", path=path)
    table.body("cancel: 5 MB", large, 413, "too-large", path=f"{WAITING}/cancel")
    table.body("GET: 5 MB", large, 413, "too-large", method="GET", path=WAITING)


def _headers(table: Table) -> None:
    good = dumped(a_create())
    for name, key in {"of 256 characters": "k" * 256, "of no character": ""}.items():
        table.body(f"create: a key {name}", good, 422, headers=(("idempotency-key", key),))
    table.body(
        "create: a trace of 201 characters", good, 422, headers=(("traceparent", "t" * 201),)
    )
    for tag in ("three", '"-1"', '"1.5"', '"99999999999999"', "W/x", '"\xb3"', '"1" "2"', "x" * 41):
        for method, path, body in (
            ("PATCH", WAITING, b'{"priority": 1}'),
            ("PATCH", f"{WAITING}/state", b'{"status": "CANCELLED"}'),
            ("POST", f"{WAITING}/cancel", None),
        ):
            headers: tuple[tuple[str, str], ...] = (("if-match", tag),)
            headers += (("content-type", JSON_TYPE),) if body else ()
            name = f"{method} {path}: If-Match {tag[:12]}"
            table.add(name, 422, method=method, path=path, body=body, headers=headers)
    typed = ("content-type", JSON_TYPE)
    for name, header in {
        "a length below zero": ("content-length", "-1"),
        "a length that is no number": ("content-length", "many"),
        "a length beyond all numbers": ("content-length", "9" * 30),
        "NUL in a header": ("idempotency-key", "a\x00b"),
        "a header without a name": ("", "x"),
        "a header with a blank in its name": ("x y", "z"),
    }.items():
        table.add(f"create: {name}", 400, "http", headers=(typed, header))
    both = (typed, ("transfer-encoding", "chunked"))
    table.add("create: in chunks and with a length", 400, "http", headers=both, body=good)
    table.add(
        "create: a length of a terabyte",
        413,
        "too-large",
        headers=(typed, ("content-length", "1" + "0" * 12)),
    )
    for service, path in (("job", JOBS), ("worker", EXECUTIONS), ("scheduler", "/livez")):
        for name, headers in {
            "a header of 1 MB": (("x-large", "a" * MIB),),
            "30,000 headers": tuple((f"x-{n}", "a") for n in range(30_000)),
        }.items():
            table.get(
                f"{service}: {name}", path, 431, "too-large", headers=headers, service=service
            )
    table.get("If-None-Match of 401 characters", WAITING, headers=(("if-none-match", "x" * 401),))


def _ids(table: Table) -> None:
    for text in (
        "17",
        "me",
        NO_SUCH[:-1],
        f"{NO_SUCH}0",
        "%00",
        "%ff%fe",
        "'",
        "{}",
        "null",
        "a" * 5_000,
    ):
        table.get(f"GET job {text[:40]}", f"{JOBS}/{text}")
        table.get(f"GET execution {text[:40]}", f"{EXECUTIONS}/{text}", service="worker")
    for verb in ("cancel", "retry", "abandon", "rerun"):
        table.add(f"{verb}: no id", 422, path=f"{JOBS}/17/{verb}")
        table.add(f"{verb}: no such job", 404, "not-found", path=f"{JOBS}/{NO_SUCH}/{verb}")
    for what in ("history", "executions", "why"):
        table.get(f"{what}: no id", f"{JOBS}/17/{what}")
        table.get(f"{what}: no such job", f"{JOBS}/{NO_SUCH}/{what}", 404, "not-found")
    table.get("job: no such job", f"{JOBS}/{NO_SUCH}", 404, "not-found")
    table.get("job: no such job, in upper case", f"{JOBS}/{NO_SUCH.upper()}", 404, "not-found")
    table.get(
        "job: the id of no version", f"{JOBS}/{'0' * 8}-0000-0000-0000-{'0' * 12}", 404, "not-found"
    )
    table.add("delete: no id", 422, method="DELETE", path=f"{JOBS}/17")
    table.add("delete: no such job", 404, "not-found", method="DELETE", path=f"{JOBS}/{NO_SUCH}")
    for verb in ("pause", "resume"):
        for name in ("NOBODY", "%00", "%ff", "1", "T" * 300, "%F0%9F%92%A9", "a%20b"):
            path = f"{TYPES}/{name}/{verb}"
            table.add(f"{verb}: {name[:20]}", 404, "not-found", path=path)


def _paths_and_methods(table: Table) -> None:
    for path in (
        "/",
        "/api",
        "/api/v1",
        "/api/v2/jobs",
        "/api/v1/job",
        "/%ff",
        "/%00",
        "/..%2f..%2fetc/passwd",
    ):
        for service in ("job", "worker", "scheduler"):
            table.get(f"{service}: GET {path}", path, 404, "not-found", service=service)
    table.get("a very long path", "/api/v1/jobs/" + "a/" * 8_000, 404, "not-found")
    for name, line in {
        "bytes over 127 in the path": ("GET", "/api/v1/j\xf6bs"),
        "a blank in the path": ("GET", "/api/v1/jobs/a b"),
        "a path without a slash": ("GET", "api/v1/jobs"),
        "a query of 100,000 characters": ("GET", f"{JOBS}?name={'a' * 100_000}"),
        "a method that nobody knows": ("BREW", JOBS),
        "a tunnel": ("CONNECT", "elsewhere:80"),
    }.items():
        for service in ("job", "worker", "scheduler"):
            table.add(
                f"{service}: {name}", 400, "http", method=line[0], path=line[1], service=service
            )
    table.get("problems: no such slug", "/problems/no-such", 404, "not-found")
    for service, method, path in (
        ("job", "PUT", JOBS),
        ("job", "DELETE", JOBS),
        ("job", "PATCH", JOBS),
        ("job", "PUT", WAITING),
        ("job", "POST", WAITING),
        ("job", "GET", BATCH),
        ("job", "GET", f"{WAITING}/cancel"),
        ("job", "POST", f"{WAITING}/state"),
        ("job", "DELETE", f"{WAITING}/history"),
        ("job", "POST", NODES),
        ("job", "GET", f"{TYPES}/DUMMY/pause"),
        ("job", "POST", "/livez"),
        ("job", "TRACE", JOBS),
        ("worker", "POST", EXECUTIONS),
        ("worker", "DELETE", f"{EXECUTIONS}/{NO_SUCH}"),
        ("worker", "PUT", "/version"),
        ("scheduler", "GET", "/api/v1/scheduler/scan"),
        ("scheduler", "DELETE", "/readyz"),
    ):
        name = f"{service}: {method} {path}"
        # GET of a path that names no job by its id is a job's id that does not fit.
        wanted = (
            (422, "validation") if (method, path) == ("GET", BATCH) else (405, "method-not-allowed")
        )
        table.add(name, *wanted, method=method, path=path, service=service)


def _queries(table: Table) -> None:
    lists = {"job": (JOBS, TYPES, NODES), "worker": (EXECUTIONS, f"{EXECUTIONS}?all=true")}
    for service, paths in lists.items():
        for path in paths:
            glue = "&" if "?" in path else "?"
            for name, asked in {
                "limit 0": "limit=0",
                "limit -1": "limit=-1",
                "limit 201": "limit=201",
                "a huge limit": f"limit={'9' * 5_000}",
                "limit 1.5": "limit=1.5",
                "limit NaN": "limit=NaN",
                "no limit": "limit=",
                "a word for limit": "limit=all",
                "two limits, the last bad": "limit=1&limit=x",
                "an empty cursor": "cursor=",
                "a cursor of ours no more": "cursor=abc",
                "a long cursor": f"cursor={'A' * 5_000}",
                "a cursor of zero bytes": "cursor=" + "A" * 32,
                "a cursor that is no base64": "cursor=%F0%9F%92%A9",
                "bad UTF-8 for cursor": "cursor=%ff%fe",
                "NUL for cursor": "cursor=%00",
                "an unknown parameter": "colour=red",
            }.items():
                table.get(f"{service}: {path}: {name}", f"{path}{glue}{asked}", service=service)
    for asked in (
        "status=",
        "status=created",
        "status=DONE",
        "status=CREATED,FAILED",
        "status=CREATED&status=x",
        "&".join(["status=CREATED"] * 51),
        "jobType=",
        f"jobType={'T' * 101}",
        "jobType=%00",
        "name=",
        f"name={'n' * 201}",
        "name=a%00b",
        "label=",
        "label=team",
        "label=:a",
        "label=team:",
        f"label=k:{'v' * 101}",
        "label=team:%00",
        "label=a:1&label=a:2",
        "&".join(f"label=k{n}:v" for n in range(17)),
        "scheduledFrom=yesterday",
        "scheduledFrom=2026-11-21",
        "scheduledTo=2026-02-30T00:00:00Z",
        "createdFrom=2026-11-21T10:00:00%2B99:99",
        "createdTo=0000-01-01T00:00:00Z",
        "createdTo=10000-01-01T00:00:00Z",
        "createdTo=",
        "created_from=2026-11-21T10:00:00Z",
    ):
        table.get(f"list: {asked[:50]}", f"{JOBS}?{asked}")
    table.get("worker: all is a word", f"{EXECUTIONS}?all=perhaps", service="worker")


def _changes(table: Table) -> None:
    def change(
        name: str, body: bytes, status: int, slug: str = "validation", tag: str | None = '"0"'
    ) -> None:
        headers = () if tag is None else (("if-match", tag),)
        table.body(
            f"change: {name}", body, status, slug, method="PATCH", path=WAITING, headers=headers
        )

    change("without a version", b'{"priority": 1}', 428, "precondition-required", None)
    change("of any version", b'{"priority": 1}', 428, "precondition-required", "*")
    change("of a version that never was", b'{"priority": 1}', 412, "version-conflict", '"7"')
    for name, value in _named(
        {
            "an array": [],
            "null": None,
            "priority is text": {"priority": "1"},
            "priority is 101": {"priority": 101},
            "17 labels": {"labels": {f"k{n}": "v" for n in range(17)}},
            "the name": {"name": "another"},
            "the payload": {"payload": 1},
            "no such date": {"scheduledTime": "2026-02-30T00:00:00Z"},
            "a date alone": {"scheduledTime": "2026-02-28"},
        }
    ):
        change(name, dumped(value), 422)
    table.body(
        "change: no such job",
        b'{"priority": 1}',
        404,
        "not-found",
        method="PATCH",
        path=f"{JOBS}/{NO_SUCH}",
        headers=(("if-match", '"0"'),),
    )


def _states(table: Table) -> None:
    state: dict[str, Any] = {"method": "PATCH", "path": f"{WAITING}/state"}
    for name, value in _named(
        {
            "nothing": {},
            "an array": ["RUNNING"],
            "text": "RUNNING",
            "null": {"status": None},
            "a number": {"status": 1},
            "lower case": {"status": "running"},
            "no such state": {"status": "DONE"},
            "version is text": {"status": "CANCELLED", "version": "0"},
            "version is negative": {"status": "CANCELLED", "version": -1},
            "version is huge": {"status": "CANCELLED", "version": 2**31},
            "version is a fraction": {"status": "CANCELLED", "version": 0.5},
            "a token of 201 characters": {"status": "SUCCESS", "leaseToken": "t" * 201},
            "a token that is a number": {"status": "SUCCESS", "leaseToken": 1},
            "an unknown field": {"status": "CANCELLED", "force": True},
        }
    ):
        table.body(f"state: {name}", dumped(value), 422, **state)
    for target in (
        "RUNNING",
        "SUCCESS",
        "FAILED",
        "STOPPED",
        "WAITING",
        "EXPIRED",
        "ABANDONED",
        "CREATED",
    ):
        body = dumped({"status": target})
        table.body(f"state: to {target}", body, 409, "illegal-transition", **state)
    body = dumped({"status": "CANCELLED", "version": 7})
    table.body("state: of a version that never was", body, 409, "version-conflict", **state)
    stale = (("if-match", '"7"'),)
    table.body("state: a stale header", body, 412, "version-conflict", headers=stale, **state)
    body = dumped({"status": "RUNNING"})
    table.body(
        "state: no such job", body, 404, "not-found", method="PATCH", path=f"{JOBS}/{NO_SUCH}/state"
    )
    for verb in ("retry", "abandon", "rerun"):
        table.add(
            f"{verb}: in the wrong state", 409, "illegal-transition", path=f"{WAITING}/{verb}"
        )
    table.add(
        "delete: in the wrong state", 409, "illegal-transition", method="DELETE", path=WAITING
    )
    table.add(
        "cancel: of a version that never was",
        412,
        "version-conflict",
        path=f"{WAITING}/cancel",
        headers=stale,
    )


def _other_services(table: Table) -> None:
    at_job = f"{EXECUTIONS}/job"
    for text in ("17", "%ff", "%00", "a" * 5_000):
        table.get(f"worker: executions of job {text[:20]}", f"{at_job}/{text}", service="worker")
    table.get("worker: no such job", f"{at_job}/{NO_SUCH}", 404, "not-found", service="worker")
    table.get(
        "worker: no such execution", f"{EXECUTIONS}/{NO_SUCH}", 404, "not-found", service="worker"
    )


OTHERS = (
    _media_and_size,
    _headers,
    _ids,
    _paths_and_methods,
    _queries,
    _changes,
    _states,
    _other_services,
)
