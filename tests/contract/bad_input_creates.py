"""Bad creates: one by one and in batches."""

from collections.abc import Iterable
from typing import Any

from tests.contract.bad_input_table import WAITING, Table, a_create, dumped, with_raw
from tests.support.contract import BATCH


def _named(values: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return values.items()


def _one(member: str, value: Any) -> dict[str, Any]:
    return {member: value}


def _no_json(table: Table) -> None:
    for name, body in {
        "no body": b"",
        "blanks": b" \n\t ",
        "a word": b"job",
        "cut off": b'{"name": "a", "jobType": "DUM',
        "one brace": b"{",
        "single quotes": b"{'name': 'a', 'jobType': 'DUMMY'}",
        "a comma too many": b'{"name": "a", "jobType": "DUMMY",}',
        "a comment": b'{"name": "a", /* job */ "jobType": "DUMMY"}',
        "a form": b"name=a&jobType=DUMMY",
        "XML": b"<job><name>a</name></job>",
        "YAML": b"name: a\njobType: DUMMY\n",
        "two documents": b'{"name": "a", "jobType": "DUMMY"}{}',
        "a NUL byte": b"\x00",
        "a byte that is no UTF-8": b'{"name": "\xff", "jobType": "DUMMY"}',
        "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80", "jobType": "DUMMY"}',
        "an overlong slash": b'{"name": "\xc0\xaf", "jobType": "DUMMY"}',
        "UTF-16": '{"name": "a", "jobType": "DUMMY"}'.encode("utf-16"),
        "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        "a line break in a string": b'{"name": "a\nb", "jobType": "DUMMY"}',
        "10,000 arrays deep": b"[" * 10_000,
        "10,000 arrays deep and closed": b"[" * 10_000 + b"]" * 10_000,
        "10,000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "a payload 10,000 deep": with_raw("payload", "[" * 10_000 + "]" * 10_000),
        "a payload 250 objects deep": with_raw("payload", '{"a":' * 250 + "1" + "}" * 250),
        "an escape that is none": b'{"name": "\\x41", "jobType": "DUMMY"}',
        "half an escape": b'{"name": "\\u00", "jobType": "DUMMY"}',
    }.items():
        empty = body == b""
        table.body(f"create: {name}", body, 422 if empty else 400)
    for path in (BATCH, f"{WAITING}/state", WAITING):
        method = "POST" if path == BATCH else "PATCH"
        match = (("if-match", '"0"'),)
        for name, body in {"no JSON": b"{,}", "10,000 deep": b"[" * 10_000}.items():
            table.body(
                f"{method} {path}: {name}", body, 400, method=method, path=path, headers=match
            )


def _numbers(table: Table) -> None:
    for name, text, status in (
        ("NaN", "NaN", 400),
        ("Infinity", "Infinity", 400),
        ("minus Infinity", "-Infinity", 400),
        ("1e400", "1e400", 422),
        ("4,000 digits", "9" * 4_000, 422),
        ("5,000 digits", "9" * 5_000, 400),
        ("minus 5,000 digits", "-" + "9" * 5_000, 400),
        ("a leading zero", "007", 400),
        ("a leading plus", "+1", 400),
        ("hexadecimal", "0x10", 400),
        ("a fraction", "0.5", 422),
        ("2 to the 63", str(2**63), 422),
        ("true", "true", 422),
    ):
        for member in ("priority", "maxAttempts", "timeoutSeconds"):
            if (member, name) not in {("timeoutSeconds", "a fraction")}:
                table.body(f"create: {member} is {name}", with_raw(member, text), status)
    for name, text, status in (
        ("NaN", '{"n": NaN}', 400),
        ("1e400", '{"n": 1e400}', 422),
        ("minus 1e400", "[-1e400]", 422),
        ("5,000 digits", f"[{'9' * 5_000}]", 400),
        ("310 digits", f'{{"n": {"9" * 310}}}', 422),
    ):
        table.body(f"create: payload with {name}", with_raw("payload", text), status)


def _text_fields(table: Table) -> None:
    """NUL and half characters, in every field that holds text."""
    places: dict[str, Any] = {
        "name": lambda text: a_create(name=text),
        "jobType": lambda text: a_create(jobType=text),
        "orderingKey": lambda text: a_create(orderingKey=text),
        "a label": lambda text: a_create(labels={"key": text}),
        "a label's key": lambda text: a_create(labels={text: "value"}),
        "payload": lambda text: a_create(payload=text),
        "deep in the payload": lambda text: a_create(payload={"a": [{"b": text}]}),
        "a key of the payload": lambda text: a_create(payload={text: 1}),
        "scheduledTime": lambda text: a_create(scheduledTime=text),
        "expiresAt": lambda text: a_create(expiresAt=text),
        "a field of no name": lambda text: {**a_create(), text: 1},
    }
    for place, made in places.items():
        table.body(f"create: NUL in {place}", dumped(made("a\x00b")), 422)
        table.body(f"create: half a character in {place}", dumped(made("a\ud800b")), 400)
    table.body("create: halves in the wrong order", dumped(a_create(name="\ude00\ud83d")), 400)
    state: dict[str, Any] = {"method": "PATCH", "path": f"{WAITING}/state"}
    for member in ("status", "leaseToken"):
        for name, text, status in (("NUL", "a\x00b", 422), ("half a character", "\udfff", 400)):
            body = dumped({"status": "SUCCESS", member: text})
            refused = (
                (409, "illegal-transition")
                if (member, status) == ("leaseToken", 422)
                else (status,)
            )
            table.body(f"state: {name} in {member}", body, *refused, **state)
    change: dict[str, Any] = {"method": "PATCH", "path": WAITING, "headers": (("if-match", '"0"'),)}
    table.body("change: NUL in a label", dumped({"labels": {"a": "\x00"}}), 422, **change)
    table.body(
        "change: half a character in a label", dumped({"labels": {"a": "\ud800"}}), 400, **change
    )


def _wrong_types(table: Table) -> None:
    bodies: dict[str, Any] = {
        "null": None,
        "true": True,
        "a number": 17,
        "a string": "job",
        "an array": [],
        "an array of creates": [a_create()],
    }
    for name, value in bodies.items():
        table.body(f"create: the body is {name}", dumped(value), 422)
    for member in ("name", "jobType", "orderingKey", "scheduledTime", "expiresAt"):
        for name, value in _named(
            {"a number": 1, "an object": {}, "an array": ["a"], "false": False}
        ):
            table.create(f"{member} is {name}", **_one(member, value))
    for member in ("name", "jobType", "priority", "maxAttempts", "labels"):
        table.create(f"{member} is null", **_one(member, None))
    for member in ("priority", "maxAttempts", "timeoutSeconds"):
        for name, value in _named({"text": "3", "an object": {}, "an array": [1]}):
            table.create(f"{member} is {name}", **_one(member, value))
    for name, value in _named(
        {
            "text": "a:b",
            "an array": ["a"],
            "of numbers": {"a": 1},
            "of null": {"a": None},
            "of objects": {"a": {}},
        }
    ):
        table.create(f"labels are {name}", labels=value)
    table.body("create: an empty object", b"{}", 422)
    table.body("create: no name", dumped({"jobType": "DUMMY"}), 422)
    table.body("create: no jobType", dumped({"name": "a"}), 422)
    for member in (
        "colour",
        "job_type",
        "Name",
        "idempotencyKey",
        "status",
        "jobId",
        "version",
        "__proto__",
    ):
        table.create(f"the unknown field {member}", **{member: "x"})


def _limits_of_fields(table: Table) -> None:
    table.create("a name of no character", name="")
    table.create("a name of 201 characters", name="n" * 201)
    table.create("a name of 201 characters outside of ASCII", name="\N{PILE OF POO}" * 201)
    table.create("an ordering key of no character", orderingKey="")
    table.create("an ordering key of 201 characters", orderingKey="k" * 201)
    table.create("17 labels", labels={f"k{n}": "v" for n in range(17)})
    table.create("10,000 labels", labels={f"k{n}": "v" for n in range(10_000)})
    table.create("a label of 101 characters", labels={"k": "v" * 101})
    table.create("a label's key of 101 characters", labels={"k" * 101: "v"})
    table.create("an empty label", labels={"k": ""})
    table.create("an empty label's key", labels={"": "v"})
    for member, values in {
        "priority": (-101, 101),
        "maxAttempts": (-1, 0, 101),
        "timeoutSeconds": (-1, 0, 604_801, 1e300),
    }.items():
        for value in values:
            table.create(f"{member} is {value}", **_one(member, value))
    for text in (
        "",
        "1JOB",
        "two words",
        "a/b",
        "T" * 101,
        "TÜV",
        "../DUMMY",
        "DUMMY\n",
        "'; DROP TABLE jobs",
    ):
        table.create(f"jobType is {text[:20]!r}", jobType=text)
    table.create("a type that nobody declared", slug="unknown-job-type", jobType="DUMY")


def _times(table: Table) -> None:
    for text in (
        "",
        "now",
        "2026-11-21",
        " 2026-11-21 ",
        "20261121",
        "2026-W47-6",
        "2026-325",
        "10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-00-10T10:00:00Z",
        "2026-01-00T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2026-11-21T24:30:00Z",
        "2026-11-21T25:00:00Z",
        "2026-11-21T10:60:00Z",
        "2026-06-30T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "-2026-11-21T10:00:00Z",
        "2026-11-21T10:00:00+99:99",
        "2026-11-21T10:00:00+24:00",
        "2026-11-21T10:00:00 Europe/Berlin",
        "2026-11-21T10:00:00ZZ",
        "21.11.2026 10:00",
        "1795255200",
        "2026-11-21T10:00:00Z" + "0" * 5_000,
        "\u0662\u0660\u0662\u0666-11-21T10:00:00Z",
    ):
        table.create(f"scheduledTime is {text[:40]!r}", scheduledTime=text)
    table.create("scheduledTime is seconds", scheduledTime=1_795_255_200)
    table.create("scheduledTime is 1e300", scheduledTime=1e300)
    for text in ("2026-02-30T10:00:00Z", "2026-11-21", "2026-11-21T10:00:00+99:99"):
        table.create(f"expiresAt is {text!r}", expiresAt=text)


def _payloads(table: Table) -> None:
    table.create("a payload over 64 KiB", payload="p" * 65_535)
    table.create("a payload over 64 KiB when encoded", payload="\N{SNOWMAN}" * 20_000)
    deep: Any = 1
    for _ in range(65):
        deep = [deep]
    table.create("a payload 65 deep", payload=deep)
    table.create(
        "a payload that its type refuses", slug="payload-invalid", payload={"sleepMs": "long"}
    )

    table.create("a payload with a field too many", slug="payload-invalid", payload={"slep": 1})
    table.create("no payload for HTTP_CALL", slug="payload-invalid", jobType="HTTP_CALL")
    table.create(
        "text for HTTP_CALL", slug="payload-invalid", jobType="HTTP_CALL", payload="call it"
    )
    table.create("no url for HTTP_CALL", slug="payload-invalid", jobType="HTTP_CALL", payload="{}")


def _batches(table: Table) -> None:
    batch: dict[str, Any] = {"path": BATCH}
    for name, value in _named(
        {
            "no jobs": {},
            "jobs is null": {"jobs": None},
            "jobs is an object": {"jobs": {}},
            "jobs is text": {"jobs": "all"},
            "0 jobs": {"jobs": []},
            "1001 jobs": {"jobs": [a_create()] * 1_001},
            "an array": [a_create()],
            "an unknown field": {"jobs": [a_create()], "atomic": True},
        }
    ):
        table.body(f"batch: {name}", dumped(value), 422, **batch)
    good = dumped({"jobs": [a_create()]})
    table.body("batch: no body", b"", 422, **batch)
    table.body("batch: atomic is a word", good, 422, path=f"{BATCH}?atomic=perhaps")
    table.body(
        "batch: a key in the header", good, 422, headers=(("idempotency-key", "k"),), **batch
    )
    atomic = f"{BATCH}?atomic=true"
    for name, item in _named(
        {
            "null": None,
            "an array": [],
            "text": "job",
            "empty": {},
            "no such date": a_create(scheduledTime="2026-02-30T00:00:00Z"),
            "NUL": a_create(name="\x00"),
            "a key of 256 characters": a_create(idempotencyKey="k" * 256),
            "a key of no character": a_create(idempotencyKey=""),
            "a NUL in the key": a_create(idempotencyKey="\x00"),
        }
    ):
        table.body(
            f"atomic batch: an item is {name}",
            dumped({"jobs": [a_create(), item]}),
            422,
            path=atomic,
        )
    table.body(
        "atomic batch: an unknown type",
        dumped({"jobs": [a_create(), a_create(jobType="NOBODY")]}),
        422,
        "unknown-job-type",
        path=atomic,
    )


CREATES = (
    _no_json,
    _numbers,
    _text_fields,
    _wrong_types,
    _limits_of_fields,
    _times,
    _payloads,
    _batches,
)
