"""A newcomer's machine with Python and make, and neither Java nor Maven: a fresh copy, and `make run`."""

import subprocess
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.compose import need_engine
from tests.support.source_files import ROOT
from tests.support.waiting import wait_until

IMAGE = "python:3.11-slim"
FIRST_SUCCESS_SECONDS = 240
"""With everything that `make setup` has to fetch."""
PREPARE = """
set -e
apt-get update -qq && apt-get install -y -qq --no-install-recommends make procps >/dev/null 2>&1
useradd --create-home user && mkdir /home/user/punctual
tar -C /source --exclude-vcs --exclude=./.venv --exclude=./.punctual --exclude=./.*_cache -c . \
  | tar -C /home/user/punctual -x
chown -R user /home/user
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def machine() -> Iterator[str]:
    """A container by its name, with a copy of this tree at /home/user/punctual that `user` owns."""
    need_engine()
    name = f"punctual-test-{uuid4().hex[:8]}"
    mount = f"{ROOT}:/source:ro"
    start = ["run", "--detach", "--rm", "--init", "--name", name, "--volume", mount]
    _docker(*start, IMAGE, "sleep", "1000")
    try:
        _docker("exec", name, "bash", "-c", PREPARE)
        yield name
    finally:
        _docker("rm", "--force", name)


def test_make_run_reaches_the_first_success_where_there_is_only_python(machine: str) -> None:
    for absent in ("java", "mvn"):
        assert _exit_code(machine, f"command -v {absent}") != 0
    began = time.monotonic()
    run = "cd ~/punctual && exec setsid bash -c 'echo $$ >group && exec make run >said 2>&1'"
    _docker(
        "exec", "--detach", "--user", "user", "--env", "HOME=/home/user", machine, "bash", "-c", run
    )
    said = "cat /home/user/punctual/said"
    wait_until(
        lambda: "Ctrl-C stops" in _docker("exec", machine, "bash", "-c", f"{said} || true"),
        within=FIRST_SUCCESS_SECONDS,
        every=0.5,
        what="the first job to succeed",
    )
    text = _docker("exec", machine, "bash", "-c", said)
    print(f"{time.monotonic() - began:.0f} s with setting up\n{text}")
    assert "SUCCESS" in text
    assert "EMBEDDED BROKER, NOT FOR PRODUCTION" in text

    # Ctrl-C in a terminal reaches the whole group.
    _docker("exec", machine, "bash", "-c", "kill -INT -- -$(cat /home/user/punctual/group)")
    wait_until(
        lambda: _exit_code(machine, "pgrep --uid user,nobody") != 0,
        within=60,
        every=0.3,
        what="nothing of it to run any more",
    )


def _exit_code(machine: str, command: str) -> int:
    done = subprocess.run(
        ["docker", "exec", machine, "bash", "-c", command], capture_output=True, timeout=30
    )
    return done.returncode


def _docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout
