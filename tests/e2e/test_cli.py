"""The command `punctual` as a person or a script runs it: a process of its own against a real stack."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.punctual import LIMIT_SECONDS, PUNCTUAL, Punctual
from tests.support.source_files import ROOT
from tests.support.stacks import RunningStack, running_stack
from tests.support.waiting import wait_until

NO_SUCH_JOB = "019a9b1c-0d6e-7c3f-a2b4-5d6e7f809102"
FAR = "2999-01-01T00:00:00Z"
QUICK = '{"sleepMs": 0}'
HEAVY = {
    "sqlalchemy",
    "alembic",
    "asyncpg",
    "fastapi",
    "starlette",
    "uvicorn",
    "aiokafka",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with running_stack(workers=1) as running:
        yield running


@pytest.fixture
def punctual(stack: RunningStack) -> Punctual:
    return Punctual({"PUNCTUAL_URL": str(stack.http.base_url)})


@pytest.fixture
def failed(punctual: Punctual) -> str:
    """A job that has failed for good."""
    boom = '{"sleepMs": 0, "fail": "boom"}'
    words = ["x", "--type", "DUMMY", "--payload", boom, "--max-attempts", "1", "--wait"]
    return str(punctual.json("job", "create", *words, code=1)["jobId"])


def test_a_job_is_created_and_waited_for(punctual: Punctual) -> None:
    words = ["job", "create", "first", "--type", "DUMMY", "--payload", '{"sleepMs": 100}', "--wait"]
    done = punctual.run(*words, "--label", "team=a", "--priority", "-3", "--timeout", "1m")
    assert done.returncode == 0
    shown = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert (shown["name"], shown["status"], shown["labels"]) == ("first", "SUCCESS", "team=a")
    assert (shown["priority"], shown["timeout"]) == ("-3", "60 s")
    assert shown["created"].endswith(("+01:00", "+02:00"))
    assert done.stderr == f"punctual: job {shown['job']} is created; waiting for its end.\n"
    job = punctual.json(*words)
    assert (job["status"], job["result"]) == ("SUCCESS", {"sleptMs": 100})


def test_a_job_that_fails_is_a_no(punctual: Punctual, failed: str) -> None:
    job = punctual.json("job", "get", failed)
    assert (job["status"], job["error"]) == ("FAILED", "boom")
    done = punctual.run("job", "watch", failed)
    assert done.returncode == 1
    assert "FAILED: boom" in done.stderr
    assert done.stdout.splitlines()[-1].split()[2] == "FAILED"


def test_a_payload_comes_from_a_file_or_from_standard_input(
    punctual: Punctual, tmp_path: Path
) -> None:
    file = tmp_path / "payload.json"
    file.write_text(QUICK)
    create = ["job", "create", "x", "--type", "DUMMY", "--at", FAR, "--payload"]
    assert punctual.json(*create, f"@{file}")["payload"] == {"sleepMs": 0}
    assert punctual.json(*create, "-", input='"text"')["payload"] == "text"
    file.write_bytes(b"\xff")
    assert "not UTF-8" in punctual.refused(*create, f"@{file}")


def test_the_same_key_makes_no_second_job_and_another_job_is_refused(punctual: Punctual) -> None:
    key = uuid4().hex
    create = ["job", "create", "x", "--type", "DUMMY", "--at", FAR, "--key", key]
    first, second = punctual.json(*create), punctual.json(*create)
    assert first["jobId"] == second["jobId"]
    problem = punctual.json(*create, "--priority", "1", code=2)
    assert problem["type"] == "/problems/idempotency-key-reused"


def test_a_list_is_followed_to_its_limit_and_filtered(punctual: Punctual) -> None:
    label = f"run={uuid4().hex}"
    create = ["job", "create", "listed", "--type", "DUMMY", "--at", FAR, "--label", label]
    made = [punctual.json(*create)["jobId"] for _ in range(3)]
    wanted = [
        "job",
        "list",
        "--label",
        label,
        "--type",
        "DUMMY",
        "--name",
        "list",
        "--status",
        "created",
    ]
    page = punctual.json(*wanted, "--limit", "2")
    assert [job["jobId"] for job in page["items"]] == made[:0:-1]
    rest = punctual.json(*wanted, "--cursor", page["nextCursor"])
    assert ([job["jobId"] for job in rest["items"]], rest["nextCursor"]) == (made[:1], None)
    done = punctual.run(*wanted, "--limit", "2")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["JOB", *made[:0:-1]]
    assert "--cursor" in done.stderr
    assert punctual.text(*wanted, "--created-to", "2001-01-01T00:00:00Z") == "No job fits.\n"


def test_a_watch_prints_transitions_as_they_come(punctual: Punctual, stack: RunningStack) -> None:
    job = punctual.json("job", "create", "x", "--type", "DUMMY", "--payload", QUICK, "--at", FAR)
    with punctual.start("job", "watch", job["jobId"]) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[2] == "CREATED"
        stack.http.patch(f"/api/v1/jobs/{job['jobId']}/state", json={"status": "SCHEDULED"})
        seen = [line.split()[2] for line in watching.stdout]
        assert watching.wait(LIMIT_SECONDS) == 0
    assert seen == ["SCHEDULED", "RUNNING", "SUCCESS"]
    document = punctual.json("job", "watch", job["jobId"])
    assert [row["to"] for row in document["history"]] == ["CREATED", *seen]
    assert document["job"]["status"] == "SUCCESS"
    assert punctual.json("job", "history", job["jobId"]) == document["history"]
    table = punctual.text("job", "history", job["jobId"]).splitlines()
    assert [line.split()[0] for line in table] == ["VERSION", "0", "1", "2", "3"]


def test_waiting_has_an_end(punctual: Punctual) -> None:
    create = ["job", "create", "x", "--type", "DUMMY", "--at", FAR]
    problem = punctual.json(*create, "--wait", "--wait-timeout", "300ms", code=2)
    assert (problem["type"], problem["job"]["status"]) == ("/problems/wait-timeout", "CREATED")
    done = punctual.run("job", "watch", problem["job"]["jobId"], "--timeout", "0.3")
    assert done.returncode == 2
    assert f"punctual job why {problem['job']['jobId']}" in done.stderr


def test_a_job_is_cancelled_once(punctual: Punctual) -> None:
    job = punctual.json("job", "create", "x", "--type", "DUMMY", "--at", FAR)
    assert "CANCELLED" in punctual.text("job", "cancel", job["jobId"])
    assert "CANCELLED" in punctual.refused("job", "cancel", job["jobId"], code=1)
    problem = punctual.json("job", "cancel", job["jobId"], code=1)
    assert (problem["type"], problem["current"]) == ("/problems/illegal-transition", "CANCELLED")


def test_a_running_job_is_asked_to_end(punctual: Punctual, stack: RunningStack) -> None:
    job = punctual.json("job", "create", "x", "--type", "DUMMY", "--payload", '{"sleepMs": 60000}')
    wait_until(lambda: stack.job(job["jobId"])["status"] == "RUNNING", within=20, what="it to run")
    done = punctual.run("job", "cancel", job["jobId"])
    assert (done.returncode, "worker is told" in done.stderr) == (0, True)
    assert punctual.run("job", "watch", job["jobId"]).returncode == 1
    assert stack.job(job["jobId"])["status"] == "CANCELLED"


def test_a_failed_job_is_retried_abandoned_run_anew_and_deleted(
    punctual: Punctual, failed: str
) -> None:
    assert punctual.json("job", "retry", failed)["maxAttempts"] == 2
    assert punctual.json("job", "watch", failed, code=1)["job"]["failures"] == 2
    assert punctual.json("job", "abandon", failed)["status"] == "ABANDONED"
    assert "ABANDONED" in punctual.refused("job", "retry", failed, code=1)
    key = uuid4().hex
    anew = punctual.json("job", "rerun", failed, "--key", key)
    assert (anew["rerunOf"], anew["status"]) == (failed, "CREATED")
    assert punctual.json("job", "rerun", failed, "--key", key)["jobId"] == anew["jobId"]
    assert punctual.json("job", "delete", failed) == {"jobId": failed, "deleted": True}
    assert punctual.json("job", "get", failed, code=2)["type"] == "/problems/not-found"


def test_it_says_why_a_job_waits(punctual: Punctual) -> None:
    job = punctual.json("job", "create", "x", "--type", "DUMMY", "--at", FAR)
    assert punctual.json("job", "why", job["jobId"])["reason"] == "not-due"
    assert "not-due" in punctual.text("job", "why", job["jobId"])


def test_nodes_are_listed(punctual: Punctual) -> None:
    nodes = punctual.json("node", "list")
    assert {node["role"] for node in nodes} == {"worker", "scheduler"}
    table = punctual.text("node", "list").splitlines()
    assert {line.split()[0] for line in table} == {"NODE", *(node["nodeId"] for node in nodes)}


def test_a_type_is_paused_and_resumed(punctual: Punctual) -> None:
    assert punctual.text("type", "pause", "SINK") == "SINK is paused.\n"
    assert _type_row(punctual, "SINK")[1] == "paused"
    assert punctual.json("type", "pause", "SINK")["pausedAt"] is not None
    assert punctual.json("type", "resume", "SINK")["pausedAt"] is None
    assert _type_row(punctual, "SINK")[1] == "active"
    assert "DUMMY" in {one["name"] for one in punctual.json("type", "list")}
    assert punctual.json("type", "pause", "NO_SUCH", code=2)["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["job", "create", "x"], "--type"),
        (["job", "create", "x", "--type", "DUMMY", "--payload", "{"], "no JSON"),
        (["job", "create", "x", "--type", "DUMMY", "--payload", "@/no/such"], "cannot be read"),
        (["job", "create", "x", "--type", "DUMMY", "--payload", '{"sleepMs": -1}'], "sleepMs"),
        (["job", "create", "x", "--type", "DUMMY", "--at", "2026-11-21"], "date"),
        (["job", "create", "x", "--type", "DUMMY", "--at", FAR, "--in", "1s"], "one of them"),
        (["job", "create", "x", "--type", "DUMMY", "--in", "soon"], "no duration"),
        (["job", "create", "x", "--type", "DUMMY", "--label", "a"], "key=value"),
        (["job", "create", "x", "--type", "DUMMY", "--priority", "high"], "--priority"),
        (["job", "create", "x", "--type", "DUMMY", "--priority", "1000"], "priority"),
        (["job", "create", "x", "--type", "DUMMY", "--key", "ü"], "--key"),
        (["job", "create", "x", "--type", "DUMMY", "--wait-timeout", "1s"], "--wait"),
        (["job", "create", "x", "--type", "DUMY"], "DUMMY"),
        (["job", "create", "\udcff", "--type", "DUMMY"], "UTF-8"),
        (["job", "get", "17"], "no job id"),
        (["job", "get"], "punctual job get --help"),
        (["job", "get", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "watch", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "history", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "why", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "cancel", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "rerun", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "delete", NO_SUCH_JOB], NO_SUCH_JOB),
        (["job", "list", "--status", "bad"], "CREATED"),
        (["job", "list", "--limit", "0"], "--limit"),
        (["job", "list", "--cursor", "bad"], "cursor"),
        (["job", "got", NO_SUCH_JOB], "get"),
        (["node", "list", "--jsn"], "--json"),
        (["node", "list", "--url", "x"], "no address"),
        (["node", "list", "--profile", "x"], "no profile"),
        (["node", "list", "--retry-for", "x"], "no duration"),
    ],
)
def test_what_cannot_be_done_is_said(punctual: Punctual, words: list[str], hint: str) -> None:
    assert hint in punctual.refused(*words)
    assert hint in punctual.json(*words, code=2)["message"]


def test_a_server_that_is_not_there() -> None:
    nowhere = Punctual({"PUNCTUAL_URL": "http://127.0.0.1:1"})
    get = ["job", "get", NO_SUCH_JOB, "--retry-for", "200ms"]
    assert "make up" in nowhere.refused(*get)
    assert nowhere.json(*get, code=2)["type"] == "/problems/unreachable"
    create = ["job", "create", "x", "--type", "DUMMY", "--retry-for", "0"]
    assert nowhere.json(*create, code=2)["type"] == "/problems/unreachable"


def test_a_create_whose_answer_is_lost_names_its_key(stack: RunningStack) -> None:
    """The server takes the request and cuts the connection, each time; the key stays the same."""
    with _cutting_server() as (url, keys):
        said = Punctual({"PUNCTUAL_URL": url}).refused(
            "job", "create", "x", "--type", "DUMMY", "--retry-for", "1s"
        )
    assert len(keys) >= 2
    assert len(set(keys)) == 1
    assert f"--key {keys[0]}" in said


def test_a_misspelt_variable_and_the_profile_file(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "punctual" / "config.toml"
    file.parent.mkdir()
    file.write_text(f'[profiles.here]\nurl = "{stack.http.base_url}"\n')
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PUNCTUAL_PROFILE": "here"}
    assert Punctual(environ).json("node", "list")
    assert Punctual({"XDG_CONFIG_HOME": str(tmp_path)}).json("node", "list", "--profile", "here")
    misspelt = Punctual({**environ, "PUNCTUAL_PROFIL": "here"})
    assert "did you mean PUNCTUAL_PROFILE" in misspelt.refused("node", "list")


def test_the_local_stack_is_found(stack: RunningStack) -> None:
    assert Punctual({"PUNCTUAL_STATE_DIR": str(stack.root)}).json("node", "list")


def test_a_reader_that_has_seen_enough_is_no_error(punctual: Punctual) -> None:
    job = punctual.json("job", "create", "x", "--type", "DUMMY", "--at", FAR)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [PUNCTUAL, "job", "get", job["jobId"]],
        env=punctual.environ,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    os.close(writer)
    assert done.stderr == ""


def test_help_is_no_error_and_the_version_is_told(punctual: Punctual) -> None:
    for words in ([], ["--help"], ["job"], ["job", "create", "--help"], ["type", "--help"]):
        assert "Usage: punctual" in punctual.text(*words)
    assert punctual.text("--version").startswith("punctual ")


@pytest.mark.parametrize("words", [["--help"], ["job", "get", NO_SUCH_JOB, "--retry-for", "0"]])
def test_nothing_slow_is_imported_at_the_start(words: list[str]) -> None:
    program = (
        "import sys; from punctual.cli.__main__ import main; main(sys.argv[1:]);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PUNCTUAL_URL": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert "cyclopts" in imported
    assert imported & HEAVY == set()


def _type_row(punctual: Punctual, name: str) -> list[str]:
    rows = [line.split() for line in punctual.text("type", "list").splitlines()]
    (row,) = [row for row in rows if row[0] == name]
    return row


@contextmanager
def _cutting_server() -> Iterator[tuple[str, list[str]]]:
    """Reads each POST whole and closes the connection without an answer; its address, the keys it saw."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", keys
    finally:
        server.shutdown()
        server.server_close()
