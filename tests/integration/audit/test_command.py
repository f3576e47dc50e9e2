"""The verb as a person or a script runs it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from punctual.audit.snapshot import open_snapshot
from punctual.cli.problems import Unreachable
from tests.integration.audit.conftest import Copy
from tests.support.databases import at_database, fresh_database

PUNCTUAL = Path(sys.executable).parent / "punctual"
LIMIT_SECONDS = 60.0
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'punctual audit' AND datname = current_database()
"""
BREAK = "DELETE FROM due WHERE job_id = $1"


def audit(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNCTUAL_")}
    return subprocess.run(
        [PUNCTUAL, "audit", *words],
        env={**kept, "HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


async def test_json_is_one_document_of_the_contract(copy: Copy) -> None:
    """contract.md section 6; 0: nothing is broken, and what was not checked is said."""
    done = audit("--database", copy.url, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["jobs"], answer["violations"]) == (True, len(copy.kinds) - 1, [])
    assert {"I2", "I5", "I6", "I7", "I8", "I9", "I10", "I15", "I21", "R6"} <= set(answer["checked"])
    unchecked = {one["id"] for one in answer["notChecked"]}
    assert {"I1", "I3", "I11", "I12", "I13", "I17", "I18", "I22"} <= unchecked
    assert all(one["why"] for one in answer["notChecked"])


async def test_a_broken_promise_is_told_with_its_job_and_rows(copy: Copy) -> None:
    """1: the answer is no."""
    job_id = copy.kinds["created"]
    await copy.raw.execute(BREAK, job_id)
    done = audit("--database", copy.url)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"BROKEN R6  {job_id}  " in done.stdout
    assert "    jobs: job_id=" in done.stdout
    assert done.stdout.splitlines()[-1] == "Broken promises: R6 1 times."
    (found,) = json.loads(audit("--database", copy.url, "--json").stdout)["violations"]
    assert (found["id"], found["jobId"]) == ("R6", str(job_id))
    assert [row["table"] for row in found["rows"]] == ["jobs"]


async def test_progress_is_shown_on_a_terminal_and_nowhere_else(copy: Copy) -> None:
    """Standard output stays one document."""
    terminal, its_end = pty.openpty()
    done = audit("--database", copy.url, "--json", stderr=its_end)
    os.close(its_end)
    heard = os.read(terminal, 65_536)
    os.close(terminal)
    assert json.loads(done.stdout)["ok"]
    assert b"rows of history" in heard


async def test_since_judges_younger_jobs_only_and_says_so(copy: Copy) -> None:
    """By the time in their ids."""
    await copy.raw.execute(BREAK, copy.kinds["created"])
    done = audit("--database", copy.url, "--json", "--since", "2999-01-01T00:00:00Z")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["jobs"], answer["rows"]) == (0, 0, 0)
    assert "since" in {one["id"] for one in answer["notChecked"]}
    done = audit("--database", copy.url, "--json", "--since", "2020-01-01T00:00:00Z")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["jobs"]) == (1, len(copy.kinds) - 1)


async def test_a_role_that_may_only_read_is_enough(copy: Copy) -> None:
    """Nothing is written, nothing is locked."""
    role = f"auditor_{uuid4().hex}"
    await copy.raw.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reads'")
    try:
        await copy.raw.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        place = urlsplit(copy.url)
        netloc = f"{role}:reads@{place.netloc.rpartition('@')[2]}"
        done = audit("--database", urlunsplit(place._replace(netloc=netloc)))
        assert (done.returncode, done.stderr) == (0, "")
        assert "reads" not in done.stdout
    finally:
        await copy.raw.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_connection_that_breaks_is_no_verdict(copy: Copy) -> None:
    """Neither clean nor broken: ask again."""
    with pytest.raises(Unreachable, match="did not go on answering"):
        await _killed_between_pages(copy)


async def _killed_between_pages(copy: Copy) -> None:
    async with open_snapshot(copy.url, "the database", None) as snapshot:
        pages = await snapshot.pages()
        assert await pages["history"]()
        assert await copy.raw.execute(KILL) == "SELECT 1"
        await pages["job"]()


@pytest.fixture
def empty(postgres_url: str) -> Iterator[str]:
    """A database of somebody else."""
    with fresh_database(postgres_url) as url:
        yield url


def test_what_cannot_be_audited(postgres_url: str, empty: str) -> None:
    """2, and what to do."""
    cases = {
        ("--database", "postgresql://punctual@127.0.0.1:1/punctual"): "cannot be reached",
        ("--database", at_database(postgres_url, "no_such_database")): "cannot be reached",
        ("--database", empty): "no database of this version of Punctual",
        ("--database", empty, "--since", "yesterday"): "is no time",
        ("--database", "sqlite:///x"): "no address of a database",
    }
    for words, said in cases.items():
        done = audit(*words)
        assert done.returncode == 2, done
        assert said in done.stderr, done
        done = audit(*words, "--json")
        assert (done.returncode, json.loads(done.stdout)["success"]) == (2, False)
        assert done.stderr == ""


def test_a_system_without_jobs_is_clean(migrated_template: str, postgres_url: str) -> None:
    """And says that nothing ever ticked there."""
    with fresh_database(postgres_url, template=migrated_template) as url:
        answer = json.loads(audit("--database", url, "--json").stdout)
    assert (answer["ok"], answer["jobs"], answer["rows"]) == (True, 0, 0)
    assert any("No duty ever ticked" in one["why"] for one in answer["notChecked"])
