"""The package under `examples/`, installed as a stranger would: its test is green, a worker finds it, and its
jobs charge once.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.databases import fresh_database, run_coroutine
from tests.support.source_files import ROOT
from tests.support.stacks import running_stack
from worker_service.effects.__main__ import ledger_sql

PACKAGE = ROOT / "examples" / "charges"
LIMIT_SECONDS = 120
JOBS = 5


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package in it, as pip leaves it."""
    target = tmp_path_factory.mktemp("installed")
    _python(
        *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"),
        *("--no-deps", "--no-build-isolation", "--target", str(target), str(PACKAGE)),
    )
    return target


@pytest.fixture(scope="module")
def shop_database(postgres_url: str) -> Iterator[str]:
    """With what the package's README says to put there."""
    ledger = _python("-m", "worker_service.effects")
    assert ledger == ledger_sql()

    async def prepare(url: str) -> None:
        raw = await asyncpg.connect(url)
        try:
            await raw.execute(ledger)
            await raw.execute((PACKAGE / "charges.sql").read_text())
        finally:
            await raw.close()

    with fresh_database(postgres_url) as url:
        run_coroutine(prepare(url))
        yield url


def test_its_test_is_green(installed: Path, tmp_path: Path) -> None:
    """Outside of our tree: what it imports of Punctual is what was installed."""
    tests = tmp_path / "tests"
    tests.symlink_to(PACKAGE / "tests")
    said = _python("-m", "pytest", "-q", str(tests), path=installed, cwd=tmp_path)
    assert "2 passed" in said


def test_a_worker_finds_it_and_its_jobs_charge_once(installed: Path, shop_database: str) -> None:
    env = {"PYTHONPATH": str(installed), "SHOP_DATABASE": shop_database}
    with running_stack(env=env) as stack:
        order = {"customer": "Ada", "cents": 1_250}
        created = stack.create_many(JOBS, "CHARGE", payload=order)
        jobs = stack.wait_settled(created, within=60)
        refused = stack.http.post(
            "/api/v1/jobs",
            json={"name": "free", "jobType": "CHARGE", "payload": {**order, "cents": 0}},
        )
    assert {job["status"] for job in jobs} == {"SUCCESS"}
    assert jobs[0]["result"] == {"cents": 1_250, "attempt": 1}
    assert refused.status_code == 422
    assert asyncio.run(_rows(shop_database)) == JOBS


async def _rows(url: str) -> int:
    raw = await asyncpg.connect(url)
    try:
        return int(await raw.fetchval("SELECT count(*) FROM charges"))
    finally:
        await raw.close()


def _python(*arguments: str, path: Path | None = None, cwd: Path = ROOT) -> str:
    """What it prints."""
    env = {**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
