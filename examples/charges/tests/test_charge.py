"""Wherever its worker dies, a job charges once."""

import asyncpg
import pytest
from punctual_charges.charge import charge

from worker_service.testing import EffectLedger, every_crash, run_job

ORDER = {"customer": "Ada", "cents": 1_250}


@pytest.fixture
def database(effect_ledger: EffectLedger, monkeypatch: pytest.MonkeyPatch) -> EffectLedger:
    """What the handler takes for PostgreSQL."""
    monkeypatch.setenv("SHOP_DATABASE", "in memory")
    monkeypatch.setattr(asyncpg, "connect", effect_ledger.connect)
    return effect_ledger


def test_it_charges_once_wherever_its_worker_dies(database: EffectLedger) -> None:
    """A job of its own for each await, crashed there."""
    runs = list(every_crash(charge, ORDER))
    assert len(database.statements) == len(runs)
    for run in runs:
        (effect,) = database.effects(run.job_id)
        assert run.status == "SUCCESS"
        assert run.result == {"cents": 1_250, "attempt": effect.attempt}


def test_a_charge_of_nothing_is_no_charge(database: EffectLedger) -> None:
    """Another try would not help."""
    run = run_job(charge, {**ORDER, "cents": 0})
    assert run.reasons == ["failed-for-good"]
    assert database.statements == ()
