"""contract.md sections 6 and 7: the command, and the tables that others may read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.looking import rows
from tests.support.stacks import RunningStack

PUNCTUAL = Path(sys.executable).parent / "punctual"


def punctual(stack: RunningStack, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PUNCTUAL_URL": str(stack.http.base_url)}
    return subprocess.run(
        [PUNCTUAL, *words, "--json"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_verb_takes_json_and_exit_codes(stack: RunningStack, done: dict[str, Any]) -> None:
    """`make setup` … leaves `.venv/bin/punctual`. Every verb takes `--json`; exit codes: 0 done, 1 the answer
    is no (… a failed job with `--wait`), 2 could not do it (bad input, unreachable), and says what to do."""
    told = punctual(stack, "job", "get", done["jobId"])
    assert (told.returncode, json.loads(told.stdout)) == (0, done)
    boom = ["--payload", '{"sleepMs": 0, "fail": "boom"}', "--max-attempts", "1", "--wait"]
    assert punctual(stack, "job", "create", "x", "--type", "DUMMY", *boom).returncode == 1
    told = punctual(stack, "job", "get", "me")
    assert (told.returncode, json.loads(told.stdout)["success"]) == (2, False)


def test_the_audit_of_a_stack(stack: RunningStack, done: dict[str, Any]) -> None:
    """`punctual audit [--database URL] [--since TIME] [--json]`: JSON `{"ok", "jobs", "rows", "checked":
    ["I5",…], "notChecked": [{"id","why"}], "violations": [{"id","jobId","text","rows"}]}`."""
    told = punctual(stack, "audit", "--database", stack.stack.plan.database_url)
    answer = json.loads(told.stdout)
    assert (told.returncode, answer["ok"], answer["violations"]) == (0, True, [])
    assert answer["jobs"] >= 1
    assert answer["rows"] >= 4
    assert "I5" in answer["checked"]
    assert all(one.keys() == {"id", "why"} for one in answer["notChecked"])


TABLES = {
    "jobs": "id name job_type status due_at scheduled_time attempt failures lost version created_at updated_at",
    "job_history": "job_id version from_status to_status attempt node reason actor at",
    "executions": "id job_id attempt node status leased_at started_at ended_at",
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_that_others_may_read(stack: RunningStack, done: dict[str, Any], table: str) -> None:
    """`jobs(id, name, job_type, …)`, `job_history(job_id, version, …)`, `executions(id, job_id, …)`. …
    these stay."""
    key = "id" if table == "jobs" else "job_id"
    columns = ", ".join(TABLES[table].split())
    found = rows(stack, f"SELECT {columns} FROM {table} WHERE {key} = $1", UUID(done["jobId"]))
    assert found
    if table == "jobs":
        assert (found[0]["status"], found[0]["version"]) == (done["status"], done["version"])
