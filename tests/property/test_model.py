"""The protocol as a model, in every order: what must hold holds, and what is taken out is missed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model import run
from tests.model.rows import ROWS, Row
from tests.support.components import missing


@pytest.fixture(scope="module")
def verifiers() -> Iterator[Path]:
    if run.missing_programs():
        missing(f"{' and '.join(run.missing_programs())}: apt-get install spin gcc")
    with run.verifiers() as folder:
        yield folder


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.mode}-{row.rule}-{row.name}")
def test_a_run_of_the_model_finds_what_it_should(verifiers: Path, row: Row) -> None:
    found = run.check(verifiers, row)
    assert found.what == row.expects, found
