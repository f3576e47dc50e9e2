"""Whether a text that must be nowhere is somewhere in a running stack: tables, topics, files, answers.

`places_of` is for any test that has a stack and some texts: it names each place where one of them stands.
"""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from shared.runtime.settings import Kafka
from tests.support import topics
from tests.support.databases import run_coroutine
from tests.support.looking import rows
from tests.support.stacks import HTTP_LIMIT_SECONDS, RunningStack

CHUNK_BYTES = 4 * 1_048_576

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'S') AND NOT n.nspname LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1
"""


def places_of(stack: RunningStack, *texts: str) -> list[str]:
    """Every place where one of `texts` stands, as it is or encoded in a usual way."""
    forms = [form for text in texts for form in _forms(text)]
    return [
        *_in_tables(stack, forms),
        *_in_topics(stack, forms),
        *_in_answers(stack, forms),
        *_in_files(stack.root, forms),
    ]


def searched(stack: RunningStack) -> dict[str, int]:
    """How much `places_of` has to look at, so that a test can say that it is not nothing."""
    return {
        "rows": sum(int(rows(stack, _count(table))[0][0]) for table in _tables(stack)),
        "records": len(_records(stack)),
        "answers": len(list(_reads(stack))),
        "files": len(list(_files(stack.root))),
    }


def _forms(text: str) -> Iterator[bytes]:
    """What to look for. Base64 at each place among other bytes, without the letters that depend on those."""
    data = text.encode()
    yield data
    yield quote(text, safe="").encode()
    yield data.hex().encode()
    yield text.encode("utf-16-le")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).rstrip(b"=")
        yield whole[2:-2] if before else whole[:-2]


def _in(data: bytes, forms: Iterable[bytes]) -> bool:
    return any(form in data for form in forms)


def _tables(stack: RunningStack) -> list[str]:
    return [row["name"] for row in rows(stack, TABLES)]


def _count(table: str) -> str:
    return f"SELECT count(*) FROM {table}"


def _in_tables(stack: RunningStack, forms: list[bytes]) -> Iterator[str]:
    """Each row as one text, so all columns of all types; bytes stand in it as hex, one of the forms."""
    wanted = [f"%{form.decode('latin-1')}%" for form in forms if b"\0" not in form]
    for table in _tables(stack):
        query = f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE ANY ($1)"
        found = int(rows(stack, query, wanted)[0][0])
        if found:
            yield f"{found} rows of {table}"


def _in_topics(stack: RunningStack, forms: list[bytes]) -> Iterator[str]:
    for record in _records(stack):
        headers = b"".join(name.encode() + value for name, value in record.headers)
        if _in(b"".join((record.key or b"", record.value or b"", headers)), forms):
            yield f"record {record.offset} of {record.topic}-{record.partition}"


def _records(stack: RunningStack) -> list[Any]:
    """Those of both topics."""
    kafka = Kafka(bootstrap=stack.stack.plan.kafka_bootstrap)
    events = kafka.model_copy(update={"request_topic": kafka.event_topic})
    return [
        record
        for settings in (kafka, events)
        for record in run_coroutine(topics.records(settings)).values()
    ]


def _in_answers(stack: RunningStack, forms: list[bytes]) -> Iterator[str]:
    with httpx.Client(timeout=HTTP_LIMIT_SECONDS) as http:
        for url, path in _reads(stack):
            reply = http.get(f"{url}{path}")
            head = "".join(f"{name}: {value}\n" for name, value in reply.headers.items()).encode()
            if _in(head + reply.content, forms):
                yield f"GET {url}{path}"


def _reads(stack: RunningStack) -> Iterator[tuple[str, str]]:
    """Every route that can be read, on every process: those of a job for each job and attempt."""
    ids = {"job_id": [str(r["id"]) for r in rows(stack, "SELECT id FROM jobs")]}
    ids["execution_id"] = [str(r["id"]) for r in rows(stack, "SELECT id FROM executions")]
    for url in _addresses(stack):
        document = httpx.get(f"{url}/openapi.json", timeout=HTTP_LIMIT_SECONDS).json()
        for path, verbs in document["paths"].items():
            if "get" in verbs:
                yield from ((url, filled) for filled in _filled(path, ids))


def _addresses(stack: RunningStack) -> list[str]:
    plan = stack.stack.plan
    return [plan.url(name) for role in ("job", "scheduler", "worker") for name in plan.names(role)]


def _filled(path: str, ids: dict[str, list[str]]) -> list[str]:
    for name, values in ids.items():
        if f"{{{name}}}" in path:
            return [path.replace(f"{{{name}}}", value) for value in values]
    return [] if "{" in path else [path]


def _in_files(root: Path, forms: list[bytes]) -> Iterator[str]:
    """All that the stack wrote: logs, and the files of PostgreSQL and Kafka themselves."""
    for file in _files(root):
        if _in_file(file, forms):
            yield f"file {file.relative_to(root)}"


def _files(root: Path) -> Iterator[Path]:
    return (file for file in sorted(root.rglob("*")) if file.is_file() and not file.is_symlink())


def _in_file(file: Path, forms: list[bytes]) -> bool:
    """Part by part; parts overlap, so nothing is missed between two."""
    overlap = max(map(len, forms))
    before = b""
    try:
        with file.open("rb") as data:
            while part := data.read(CHUNK_BYTES):
                if part.count(0) == len(part):
                    continue
                if _in(before + part, forms):
                    return True
                before = part[-overlap:]
    except FileNotFoundError:
        return False
    return False
