"""The model of the protocol keeps up with the code: statements, edges, and mutants that are all used."""

import re

from job_service.domain.lifecycle import EDGES
from shared.contracts.states import JobStatus
from tests.model.rows import ROWS
from tests.model.run import MODEL
from tests.support.source_files import ROOT

POSTGRES = ROOT / "job_service" / "postgres"
NOT_IN_THE_MODEL = {JobStatus.WAITING, JobStatus.STOPPED}
_NAMED = re.compile(r"\b(\w+\.py):([A-Z_]+)\b")
_STATEMENT = re.compile(r'^([A-Z_]+) = f"""(.*?)"""', re.MULTILINE | re.DOTALL)
_EDGES_FROM = re.compile(r"\(st == (\w+) +&& \(([^()]+)\)\)")
_SETTING = re.compile(r"\bX\((\w+)[,)]")
TEXT = MODEL.read_text()


def test_every_statement_that_the_model_names_exists() -> None:
    missing = [
        f"{file}:{name}"
        for file, name in _NAMED.findall(TEXT)
        if not re.search(rf"^{name} = ", (POSTGRES / file).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_transition_is_in_the_model() -> None:
    transitions = {
        f"{file.name}:{name}"
        for file in POSTGRES.glob("*.py")
        for name, sql in _STATEMENT.findall(file.read_text())
        if "{HISTORY}" in sql
    }
    assert transitions
    assert transitions - {f"{file}:{name}" for file, name in _NAMED.findall(TEXT)} == set()


def test_the_edges_of_the_model_are_those_of_the_table() -> None:
    written = {
        (source, target)
        for source, targets in _EDGES_FROM.findall(TEXT)
        for target in re.findall(r"to == (\w+)", targets)
    }
    of_the_table = {
        (edge.source.value, edge.target.value)
        for edge in EDGES
        if edge.source != edge.target and not {edge.source, edge.target} & NOT_IN_THE_MODEL
    }
    assert written == of_the_table


def test_every_mutant_and_every_budget_is_used_and_no_other_is_named() -> None:
    used = {name for row in ROWS for name, _ in row.settings}
    assert used == set(_SETTING.findall(TEXT)) - {"SUSPECT_AFTER", "POISON_LOSSES"}
