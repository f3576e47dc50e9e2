"""contract.md section 5: settings come from the environment, and a wrong one stops the start."""

import os
import subprocess
import sys

import pytest

from shared.runtime.settings import HttpCall, Kafka, LeaseTimes, Poison, Worker, load
from tests.support.source_files import ROOT
from worker_service.settings import WorkerSettings

SERVICES = ("job_service", "scheduler_service", "worker_service")


def start(service: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a service with these variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNCTUAL_")}
    return subprocess.run(
        [sys.executable, "-m", service],
        cwd=ROOT,
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_variable_stops_the_start(service: str) -> None:
    """An unknown `PUNCTUAL_` variable stops the start with the nearest known name (every process knows the
    names of all)."""
    ended = start(service, PUNCTUAL_WORKER__SLOT="7")
    assert ended.returncode != 0
    assert "PUNCTUAL_WORKER__SLOT " in ended.stderr
    assert "PUNCTUAL_WORKER__SLOTS" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_a_value_that_does_not_fit_stops_the_start(service: str) -> None:
    """durations in seconds as `…_SECONDS` or with a unit (`15s`, `250ms`)"""
    ended = start(service, PUNCTUAL_LEASE__TTL="soon")
    assert ended.returncode != 0
    assert "PUNCTUAL_LEASE__TTL" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("TTL", "15s"), ("TTL", "15000ms"), ("TTL", "15"), ("TTL_SECONDS", "15")]
)
def test_durations(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """durations in seconds as `…_SECONDS` or with a unit (`15s`, `250ms`)"""
    for variable in [one for one in os.environ if one.startswith("PUNCTUAL_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv(f"PUNCTUAL_LEASE__{name}", value)
    assert load(WorkerSettings).lease.ttl == 15.0


def test_defaults_that_others_rely_on() -> None:
    """`PUNCTUAL_LEASE__TTL` (workers, default 10s), `PUNCTUAL_LEASE__SCHEDULER_TTL` (5s),
    `PUNCTUAL_HTTP_CALL__ALLOW_NETWORKS` (… default none), `PUNCTUAL_WORKER__SLOTS` (default 100 …),
    `PUNCTUAL_POISON__LOSSES` (3)"""
    assert (LeaseTimes().ttl, LeaseTimes().scheduler_ttl) == (10.0, 5.0)
    assert not HttpCall().allow_networks
    assert (Worker().slots, Poison().losses) == (100, 3)
    assert Kafka().group == "worker-group"
